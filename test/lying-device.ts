import { frankingTag } from "@portcullis/access";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import { sha256 } from "@portcullis/crypto";
import {
  accountUri,
  asMessageId,
  bucketStartAt,
  encodeCommitData,
  type AccountId,
  type ClientFrame,
  type Clock,
  type CommitData,
  type Random,
} from "@portcullis/protocol";
import { encodeMimiContent, encodeSharedState, textMessage } from "@portcullis/protocol/content";
import { decodeAccountRecord, type AccountRecord } from "../packages/client/src/account/account-record.ts";
import { rosterOf } from "../packages/client/src/conversation/commit-check.ts";
import type { Conversation } from "../packages/client/src/conversation/conversation.ts";
import { DeviceSession } from "../packages/client/src/device-session.ts";
import type { Answer } from "../packages/client/src/host.ts";
import { sessionOptionsOf } from "../packages/client/src/options.ts";
import { ServerApi } from "../packages/client/src/server/server-api.ts";
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

/** The server's answer. */
export function ask(session: DeviceSession, make: (requestId: number) => ClientFrame): Promise<Answer> {
  return new Promise((resolve) => session.request(make, resolve));
}

/** What a Commit states, and under which key, with which lookup and KeyPackage, as far as it shall not be true. */
export interface CommitLie {
  readonly stated: CommitData;
  readonly saltKey?: Uint8Array;
  readonly lookup?: Uint8Array;
  readonly keyPackage?: Uint8Array;
}

/** Sends a Commit that adds an account, with what `state` makes of the truth. What the server gives is not checked. */
export async function sendCommitLie(
  session: DeviceSession,
  conversation: Conversation,
  { added: account, server }: { readonly added: AccountId; readonly server: string },
  state: (honest: CommitData) => CommitLie,
): Promise<Answer> {
  const { group, nextRosterKey } = conversation.epoch!;
  const api = new ServerApi(server, fetch, () => Date.now());
  const [claimed] = await api.claimKeyPackages(session.account, [account]);
  const { accountId, deviceId } = claimed!;
  const { root } = rosterOf(nextRosterKey, [...group.members, claimed!]);
  const added = [{ accountId, deviceId }];
  const startBucket = bucketStartAt(session.clock.now(), 900);
  const honest = { added, removed: [], startBucket, rosterRoot: root };
  const { lookup: honestLookup } = await session.devices.prove(added, startBucket);
  const lie = state(honest);
  const { stated, saltKey = nextRosterKey, lookup: given = honestLookup } = lie;
  const { keyPackage = claimed!.keyPackage } = lie;
  const lookup = stated.added.length === 0 ? undefined : given;
  const roster = rosterOf(saltKey, [...group.members, ...stated.added]);
  const { message, welcome } = await group.commit({
    add: [keyPackage],
    remove: [],
    authenticatedData: encodeCommitData({
      ...stated,
      rosterRoot: roster.root,
      ...(lookup && { lookupHash: sha256(lookup) }),
    }),
    joining: {
      startBucket,
      rosterKey: nextRosterKey,
      state: encodeSharedState(conversation.states!.state),
    },
  });
  return ask(session, (requestId) => ({
    type: "commit",
    requestId,
    conversationId: conversation.id,
    messageId: asMessageId(session.random(16)),
    message,
    welcomes: stated.added.map(({ accountId, deviceId }) => ({ accountId, deviceId, welcome: welcome! })),
    roster: roster.salts,
    ...(lookup && { lookup }),
  }));
}
