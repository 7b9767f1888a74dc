import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { generateSigningKey } from "@portcullis/crypto";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  encodeCbor,
  PortcullisError,
} from "@portcullis/protocol";
import { assertDecoder, seededRandom } from "@portcullis/testkit";
import {
  decodeHistoryChunk,
  encodeHistoryChunk,
  openChunk,
  sealChunk,
} from "../src/linking/history-chunk.ts";
import {
  decodeReceivingRecord,
  decodeSendingRecord,
  encodeReceivingRecord,
  encodeSendingRecord,
} from "../src/linking/transfer-record.ts";
import { decodeTrust, encodeTrust } from "../src/linking/link-answer.ts";
import {
  decodeLinkOffer,
  encodeLinkOffer,
  formatLinkCode,
  linkCodeOf,
  parseLinkCode,
  verifyLinkOffer,
} from "../src/linking/link-code.ts";
import { decodeWaitingRecord, encodeWaitingRecord } from "../src/linking/waiting-record.ts";

const random = seededRandom("linking");
const deviceId = asDeviceId(random(16));
const offer = encodeLinkOffer({ publicKey: random(32), deviceId, signatureKey: random(32) });

test("LNK-01: a code reads back from both its forms, and every wrong letter is found out", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 7, maxLength: 7 }),
      fc.nat({ max: 39 }),
      fc.integer({ min: 1, max: 31 }),
      (secret, at, by) => {
        const code = linkCodeOf(offer, secret);
        const { text, uri } = formatLinkCode("https://chat.example", code);
        assert.deepEqual(parseLinkCode(text), code);
        assert.deepEqual(parseLinkCode(uri), code);
        const letters = text.replaceAll("-", "");
        const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        const wrong = alphabet[(alphabet.indexOf(letters.charAt(at)) + by) % 32] ?? "";
        for (const typed of [
          letters.slice(0, at) + wrong + letters.slice(at + 1),
          letters.slice(1),
          `${letters}0`,
        ])
          assert.throws(() => parseLinkCode(typed), { code: "CLIENT_LINK_CODE" }, typed);
      },
    ),
    { numRuns: 30 },
  );
});

test("LNK-04: of an offer every bit counts", () => {
  const code = linkCodeOf(offer, random(7));
  assert.deepEqual(verifyLinkOffer(code, offer).deviceId, deviceId);
  for (let at = 0; at < offer.length; at++)
    assert.throws(() => verifyLinkOffer(code, offer.with(at, (offer[at] ?? 0) ^ 1)), {
      code: "CLIENT_LINK_OFFER",
    });
});

test("LNK-01: offers, and what a device keeps of a link, are decoded from their one encoding", () => {
  assertDecoder(offer, decodeLinkOffer, encodeLinkOffer);
  const record = {
    deviceId,
    deviceKey: generateSigningKey(random),
    key: { publicKey: random(32), privateKey: random(32) },
    secret: random(7),
    token: "abc",
  };
  assertDecoder(encodeWaitingRecord(record), decodeWaitingRecord, encodeWaitingRecord);
  const trust = { log: "a+b", identityLog: "c+d", vrfKey: "AA", witnesses: ["e", "f"], witnessThreshold: 2 };
  assertDecoder(encodeTrust(trust), decodeTrust, encodeTrust);
  assert.deepEqual(decodeTrust(encodeTrust({ ...trust, policyId: "AB" })), { ...trust, policyId: "AB" });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      for (const decode of [decodeLinkOffer, decodeWaitingRecord, decodeTrust])
        assert.throws(() => decode(bytes), PortcullisError);
    }),
    { numRuns: 50 },
  );
});

const conversationId = asConversationId(random(32));
const chunk = {
  conversationId,
  messages: [
    {
      conversationId,
      sequence: 7,
      senderAccountId: asAccountId(random(32)),
      senderDeviceId: deviceId,
      messageId: asMessageId(random(16)),
      acceptedAtMs: 5,
      applicationData: random(30),
      receipt: random(20),
    },
  ],
};

test("LNK-21: a chunk opens in its own place of its own transfer alone, unchanged and whole", () => {
  assertDecoder(encodeHistoryChunk(chunk), decodeHistoryChunk, encodeHistoryChunk);
  const place = { key: random(32), linkId: random(32), index: 3 };
  const sealed = sealChunk(place, chunk, random);
  assert.deepEqual(openChunk(place, sealed), chunk);
  for (const other of [{ index: 2 }, { linkId: random(32) }, { key: random(32) }])
    assert.throws(() => openChunk({ ...place, ...other }, sealed), { code: "CLIENT_HISTORY_CHUNK" });
  for (const wrong of [sealed.subarray(0, -1), sealed.with(30, (sealed[30] ?? 0) ^ 1), new Uint8Array(3)])
    assert.throws(() => openChunk(place, wrong), { code: "CLIENT_HISTORY_CHUNK" });
});

test("LNK-22: what either side keeps of a transfer is decoded from its one encoding", () => {
  const begun = { linkId: random(32), key: random(32), to: deviceId, index: 0, done: [] };
  const others = [asConversationId(random(32)), asConversationId(random(32))];
  const sending = { ...begun, index: 4, at: { conversationId, beforeSequence: 9 }, done: others };
  for (const record of [begun, sending]) {
    assertDecoder(encodeSendingRecord(record), decodeSendingRecord, encodeSendingRecord);
    assert.deepEqual(decodeSendingRecord(encodeSendingRecord(record)), record);
  }
  const receiving = { linkId: random(32), key: random(32), token: "abc", index: 2, messages: 70 };
  assertDecoder(encodeReceivingRecord(receiving), decodeReceivingRecord, encodeReceivingRecord);
  assert.deepEqual(decodeReceivingRecord(encodeReceivingRecord(receiving)), receiving);
  // As the first versions wrote them.
  const { linkId, key, to, index, at } = sending;
  const [sent, come] = ["portcullis/client-history-sending/v1", "portcullis/client-history-receiving/v1"];
  assert.deepEqual(
    decodeSendingRecord(encodeCbor([sent, linkId, key, to, index, at.conversationId, at.beforeSequence])),
    { ...sending, done: [] },
  );
  assert.deepEqual(decodeReceivingRecord(encodeCbor([come, linkId, key, "abc", 2])), {
    ...receiving,
    linkId,
    key,
    messages: 0,
  });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      for (const decode of [decodeHistoryChunk, decodeSendingRecord, decodeReceivingRecord])
        assert.throws(() => decode(bytes), PortcullisError);
    }),
    { numRuns: 50 },
  );
});
