import type { Platform, PortcullisClient, ShownCode } from "@portcullis/client";
import { nodePlatform } from "@portcullis/client/node";
import { toHex, type ConversationId, type DeviceId } from "@portcullis/protocol";
import type { ClientSetting, ProviderRoom } from "./provider-room.ts";

/** Frames go nowhere: what runs on it is linked, and connects never. */
export const deaf: Platform = {
  ...nodePlatform,
  transport: () => ({ send: () => undefined, close: () => undefined }),
};

/** A further device of an account, connected. */
export async function link(
  room: ProviderRoom,
  old: PortcullisClient,
  storeName: string,
  changes: Partial<ClientSetting> = {},
): Promise<PortcullisClient> {
  const shown = Promise.withResolvers<ShownCode>();
  const linked = room.link(shown.resolve, { storeName, ...changes });
  linked.catch((error: unknown) => shown.reject(error));
  await old.approveLink((await shown.promise).uri);
  return linked;
}

/** The same, but it is listed and nothing more is heard of it. */
export async function linkSilent(
  room: ProviderRoom,
  old: PortcullisClient,
  storeName: string,
): Promise<PortcullisClient> {
  const opened = Promise.withResolvers<PortcullisClient>();
  const connecting = link(room, old, storeName, { platform: deaf, listen: opened.resolve });
  connecting.catch((error: unknown) => opened.reject(error));
  return opened.promise;
}

export function devicesIn(client: PortcullisClient, id: ConversationId): string[] {
  return idsOf(...client.state(id).members);
}

export function idsOf(...devices: readonly { readonly deviceId: DeviceId }[]): string[] {
  return devices.map(({ deviceId }) => toHex(deviceId)).toSorted();
}
