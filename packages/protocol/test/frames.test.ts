import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  decodeClientFrame,
  decodeServerFrame,
  encodeCbor,
  encodeClientFrame,
  encodeItem,
  encodeItemsFrame,
  encodeServerFrame,
  limits,
  type ClientFrame,
  type Item,
  type Receipt,
  type ServerFrame,
} from "@portcullis/protocol";
import { assertDecoder } from "@portcullis/testkit";

type Model<T> = { [K in keyof T]: fc.Arbitrary<T[K]> };
const record = <T extends object>(model: Model<T>) => fc.record<T>(model, { noNullPrototype: true });
/** Each field is there or not, never there and undefined. */
const partial = <T extends object>(model: Model<T>): fc.Arbitrary<Partial<T>> =>
  fc.record(model, { noNullPrototype: true, requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;

const merge = <A extends object, B extends object>([a, b]: [A, B]): A & B => ({ ...a, ...b });

const of = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const accountId = of(32).map(asAccountId);
const deviceId = of(16).map(asDeviceId);
const conversationId = of(32).map(asConversationId);
const messageId = of(16).map(asMessageId);
const bytes = fc.uint8Array({ maxLength: 40 });
const count = fc.maxSafeNat();
const roster = fc.array(record({ accountId, salt: of(32) }), { maxLength: 4 });
const receipt: fc.Arbitrary<Receipt> = record({
  acceptedAtMs: count,
  serverFrank: of(32),
  batchIndex: fc.nat(1000),
  batchSize: fc.nat(1000),
  path: fc.array(of(32), { maxLength: 3 }),
  rootSignature: of(64),
}).filter(({ batchIndex, batchSize }) => batchIndex < batchSize);

const clientFrame: fc.Arbitrary<ClientFrame> = fc.oneof(
  record({ type: fc.constant("hello" as const), token: fc.string() }),
  fc
    .tuple(
      record({
        type: fc.constant("send" as const),
        requestId: count,
        conversationId,
        messageId,
        message: bytes,
      }),
      partial({ record: bytes, sealedBucket: bytes }),
    )
    .map(merge),
  fc
    .tuple(
      record({
        type: fc.constant("commit" as const),
        requestId: count,
        conversationId,
        messageId,
        message: bytes,
        welcomes: fc.array(record({ accountId, deviceId, welcome: fc.uint8Array({ maxLength: 1 }) })),
        roster,
      }),
      partial({ lookup: bytes }),
    )
    .map(merge),
  record({ type: fc.constant("signal" as const), conversationId, payload: bytes }),
  record({ type: fc.constant("cursor" as const), conversationId, sequence: count }),
);

const item: fc.Arbitrary<Item> = fc
  .tuple(
    record({
      sequence: count,
      kind: fc.constantFrom("message" as const, "commit" as const),
      senderAccountId: accountId,
      senderDeviceId: deviceId,
      messageId,
      acceptedAtMs: count,
    }),
    partial({ message: bytes, record: bytes, receipt, lookup: bytes }),
  )
  .map(merge);

const serverFrame: fc.Arbitrary<ServerFrame> = fc.oneof(
  record({ type: fc.constant("ready" as const) }),
  fc
    .tuple(
      record({ type: fc.constant("accepted" as const), requestId: count, conversationId, sequence: count }),
      partial({ receipt }),
    )
    .map(merge),
  record({ type: fc.constant("rejected" as const), requestId: count, code: fc.string({ maxLength: 30 }) }),
  record({
    type: fc.constant("items" as const),
    conversationId,
    items: fc.array(item, { maxLength: limits.itemsPerFrame }),
  }),
  record({
    type: fc.constant("welcome" as const),
    conversationId,
    sequence: count,
    welcome: bytes,
    roster,
  }),
  record({ type: fc.constant("join-requests" as const), conversationId }),
  record({
    type: fc.constant("signal" as const),
    conversationId,
    senderAccountId: accountId,
    senderDeviceId: deviceId,
    payload: bytes,
  }),
  record({ type: fc.constant("goodbye" as const), code: fc.string({ maxLength: 30 }) }),
);

const runs = { numRuns: 60 };

test("DEL-01: a client frame has one encoding and survives the round trip", () => {
  fc.assert(
    fc.property(clientFrame, (frame) => assert.deepEqual(decodeClientFrame(encodeClientFrame(frame)), frame)),
    runs,
  );
  for (const frame of fc.sample(clientFrame, { numRuns: 12, seed: 1 }))
    assertDecoder(encodeClientFrame(frame), decodeClientFrame, encodeClientFrame);
});

test("DEL-01: a server frame has one encoding and survives the round trip", () => {
  fc.assert(
    fc.property(serverFrame, (frame) => assert.deepEqual(decodeServerFrame(encodeServerFrame(frame)), frame)),
    runs,
  );
  for (const frame of fc.sample(serverFrame, { numRuns: 8, seed: 1 }))
    assertDecoder(encodeServerFrame(frame), decodeServerFrame, encodeServerFrame);
});

test("DEL-01: arbitrary bytes are refused with a code, never with a crash", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
      for (const decode of [decodeClientFrame, decodeServerFrame])
        assert.throws(() => decode(noise), { name: "ProtocolError" });
    }),
    runs,
  );
});

test("items encoded once make the same frame for every recipient", () => {
  fc.assert(
    fc.property(conversationId, fc.array(item, { maxLength: limits.itemsPerFrame }), (id, items) => {
      assert.deepEqual(
        encodeItemsFrame(id, items.map(encodeItem)),
        encodeServerFrame({ type: "items", conversationId: id, items }),
      );
    }),
    runs,
  );
});

const zeros = (length: number): Uint8Array => new Uint8Array(length);
const send = (message: Uint8Array, record: Uint8Array | null, sealedBucket: Uint8Array | null): Uint8Array =>
  encodeCbor(["send", 1, zeros(32), zeros(16), message, record, sealedBucket]);

test("DEL-02: a frame or field beyond its limit is refused", () => {
  decodeClientFrame(send(zeros(limits.messageBytes), null, null));
  for (const frame of [
    send(zeros(limits.messageBytes + 1), null, null),
    send(zeros(1), zeros(limits.recordBytes + 1), null),
    send(zeros(1), null, zeros(limits.sealedBucketBytes + 1)),
    encodeCbor(["commit", 1, zeros(32), zeros(16), zeros(limits.commitBytes + 1), [], [], null]),
    encodeCbor(["commit", 1, zeros(32), zeros(16), zeros(1), [], [], zeros(limits.lookupBytes + 1)]),
    encodeCbor(["hello", "x".repeat(1025)]),
  ])
    assert.throws(() => decodeClientFrame(frame), { code: "DECODE_LENGTH" });
  assert.throws(() => decodeClientFrame(zeros(limits.frameBytes + 1)), { code: "DECODE_LENGTH" });
  assert.throws(() => decodeServerFrame(zeros(limits.frameBytes + 1)), { code: "DECODE_LENGTH" });
});

test("DEL-03: a Welcome for several devices travels once", () => {
  const welcome = zeros(10_000);
  const welcomes = [1, 2, 3].map((device) => ({
    accountId: asAccountId(zeros(32)),
    deviceId: asDeviceId(zeros(16).fill(device)),
    welcome,
  }));
  const frame: ClientFrame = {
    type: "commit",
    requestId: 1,
    conversationId: asConversationId(zeros(32)),
    messageId: asMessageId(zeros(16)),
    message: zeros(1),
    welcomes,
    roster: [],
  };
  const encoded = encodeClientFrame(frame);
  assert.ok(encoded.length < 11_000, "the welcome stands there once");
  assert.deepEqual(decodeClientFrame(encoded), frame);
  const group = [welcome, [[zeros(32), zeros(16)]]];
  const split = encodeCbor(["commit", 1, zeros(32), zeros(16), zeros(1), [group, group], [], null]);
  assert.throws(() => decodeClientFrame(split), { code: "DECODE_NOT_CANONICAL" });
  const empty = encodeCbor(["commit", 1, zeros(32), zeros(16), zeros(1), [[welcome, []]], [], null]);
  assert.throws(() => decodeClientFrame(empty), { code: "DECODE_LENGTH" });
});

test("an unknown frame type is refused, each direction by itself", () => {
  for (const frame of [encodeCbor(["unknown"]), encodeCbor([]), encodeCbor(7), encodeCbor("hello")]) {
    assert.throws(() => decodeClientFrame(frame), { code: "DECODE_SHAPE" });
    assert.throws(() => decodeServerFrame(frame), { code: "DECODE_SHAPE" });
  }
  assert.throws(() => decodeClientFrame(encodeServerFrame({ type: "ready" })), { code: "DECODE_SHAPE" });
  assert.throws(() => decodeServerFrame(encodeClientFrame({ type: "hello", token: "t" })), {
    code: "DECODE_SHAPE",
  });
});
