import { makeRoster } from "@portcullis/access";
import { sha256 } from "@portcullis/crypto";
import {
  asMessageId,
  concatBytes,
  encodeCommitData,
  encodeMessageData,
  utf8,
  type AccountId,
  type CommitFrame,
  type ConversationId,
  type DeviceReference,
  type MessageData,
  type SendFrame,
} from "@portcullis/protocol";
import { random } from "./server-room.ts";

/** 1970-04-14T03:00:00Z, the bucket of a room's clock when it opens. */
export const BUCKET = Date.parse("1970-04-14T03:00:00Z") / 1000;

function vector(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  const head =
    length < 0x40
      ? [length]
      : length < 0x4000
        ? [0x40 | (length >> 8), length & 0xff]
        : [0x80 | (length >> 24), (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff];
  return concatBytes(Uint8Array.from(head), bytes);
}

/** A PrivateMessage whose outer fields are real; the server cannot tell that the rest is not. RFC 9420 section 6.3. */
export function privateMessage(outer: {
  groupId: Uint8Array;
  epoch: number;
  contentType: 1 | 2 | 3;
  authenticatedData: Uint8Array;
  ciphertext?: Uint8Array;
}): Uint8Array {
  const epoch = new Uint8Array(8);
  new DataView(epoch.buffer).setBigUint64(0, BigInt(outer.epoch));
  return concatBytes(
    Uint8Array.of(0, 1, 0, 2),
    vector(outer.groupId),
    epoch,
    Uint8Array.of(outer.contentType),
    vector(outer.authenticatedData),
    vector(utf8("sender data")),
    vector(outer.ciphertext ?? utf8("ciphertext")),
  );
}

type Send = Omit<SendFrame, "requestId">;
type Commit = Omit<CommitFrame, "requestId">;

/** A message frame; `data` for what authenticated data shall say otherwise. */
export function messageFrame(
  conversationId: ConversationId,
  epoch: number,
  { data = {}, ...rest }: Partial<Send> & { data?: Partial<MessageData>; ciphertext?: Uint8Array } = {},
): Send {
  const { ciphertext, ...frame } = rest;
  const messageId = frame.messageId ?? asMessageId(random(16));
  const authenticatedData = encodeMessageData({
    messageId,
    frankingTag: sha256(messageId),
    bucketStart: BUCKET,
    ...data,
  });
  const message = privateMessage({
    groupId: conversationId,
    epoch,
    contentType: 1,
    authenticatedData,
    ...(ciphertext && { ciphertext }),
  });
  return { type: "send", conversationId, messageId, message, ...frame };
}

/** A Commit frame to the epoch whose accounts are `accounts`. */
export function commitFrame(
  conversationId: ConversationId,
  epoch: number,
  change: {
    added?: readonly DeviceReference[];
    removed?: readonly DeviceReference[];
    accounts: readonly AccountId[];
    startBucket?: number;
  },
): Commit {
  const { accounts, startBucket = BUCKET } = change;
  const pair = ({ accountId, deviceId }: DeviceReference): DeviceReference => ({ accountId, deviceId });
  const added = (change.added ?? []).map(pair);
  const removed = (change.removed ?? []).map(pair);
  const { members, root: rosterRoot } = makeRoster(random(32), accounts);
  const lookup = added.length > 0 && utf8("what the identity log says of them");
  const authenticatedData = encodeCommitData({
    added,
    removed,
    startBucket,
    rosterRoot,
    ...(lookup && { lookupHash: sha256(lookup) }),
  });
  return {
    type: "commit",
    conversationId,
    messageId: asMessageId(random(16)),
    message: privateMessage({ groupId: conversationId, epoch, contentType: 3, authenticatedData }),
    welcomes: added.map(({ accountId, deviceId }) => {
      return { accountId, deviceId, welcome: utf8(`welcome to epoch ${epoch + 1}`) };
    }),
    roster: members,
    ...(lookup && { lookup }),
  };
}
