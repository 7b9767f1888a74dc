import { equalBytes, toBase64Url, type DeviceId } from "@portcullis/protocol";
import { changeDevices, type ListOwner } from "../account/device-list.ts";
import { ClientError } from "../errors.ts";
import type { DeviceDirectory } from "../identity/device-directory.ts";
import type { ServerApi } from "../server/server-api.ts";

/**
 * Publishes the next device list without this device.
 * @throws ClientError CLIENT_DEVICE_UNKNOWN, CLIENT_DEVICE_SELF, CLIENT_SERVER_…
 */
export async function unlist(
  owner: ListOwner,
  server: { readonly api: ServerApi; readonly directory: DeviceDirectory },
  deviceId: DeviceId,
): Promise<void> {
  if (equalBytes(deviceId, owner.account.deviceId)) throw new ClientError("CLIENT_DEVICE_SELF");
  await changeDevices(owner, server, (devices) => {
    const rest = devices.filter((device) => !equalBytes(device.deviceId, deviceId));
    if (rest.length === devices.length)
      throw new ClientError("CLIENT_DEVICE_UNKNOWN", { deviceId: toBase64Url(deviceId) });
    return rest;
  });
}
