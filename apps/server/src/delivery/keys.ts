import type { DeviceReference } from "@portcullis/protocol";

/** Bytes as a key of a Map. */
export function mapKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** A device as a key of a Map. */
export function deviceKey(device: DeviceReference): string {
  return mapKey(device.accountId) + mapKey(device.deviceId);
}
