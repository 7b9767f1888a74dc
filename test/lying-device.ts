import { frankingTag } from "@portcullis/access";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import { accountUri, type Clock, type Random } from "@portcullis/protocol";
import { encodeMimiContent, textMessage } from "@portcullis/protocol/content";
import { decodeAccountRecord, type AccountRecord } from "../packages/client/src/account/account-record.ts";
import { DeviceSession } from "../packages/client/src/device-session.ts";
import { sessionOptionsOf } from "../packages/client/src/options.ts";
import type { ProviderRoom } from "./provider-room.ts";

/** A member's device with its inside open: it keeps the rules only when told. */
export async function openSession(
  room: ProviderRoom,
  handle: string,
  { clock, random }: { clock: Clock; random: Random },
): Promise<DeviceSession> {
  const store = new SqliteStore(room.storePath(handle));
  const state = await store.load();
  const session = new DeviceSession(
    sessionOptionsOf({
      server: room.server.url,
      store,
      trust: room.trust,
      platform: nodePlatform,
      clock,
      random,
      keyPackages: 8,
      gatherMs: 0,
    }),
    decodeAccountRecord(state.account!),
    state,
  );
  await session.connect();
  return session;
}

/** Whose word it is, and where it is said, as far as it shall not be true. */
export interface Text {
  readonly text: string;
  readonly senderUri?: string;
  readonly roomUri?: string;
}

export interface SaidText {
  readonly applicationData: Uint8Array;
  readonly tag: Uint8Array;
}

export function contentBy(
  { provider, accountId }: AccountRecord,
  random: Random,
  { text, senderUri = accountUri(provider, accountId), roomUri }: Text & { readonly roomUri: string },
): SaidText {
  const salt = random(16);
  const applicationData = encodeMimiContent(textMessage({ salt, text, senderUri, roomUri }));
  return { applicationData, tag: frankingTag(salt, applicationData) };
}
