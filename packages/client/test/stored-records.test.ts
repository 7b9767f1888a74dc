import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { generateSigningKey } from "@portcullis/crypto";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  decodeCbor,
  encodeCbor,
  PortcullisError,
  type CborValue,
} from "@portcullis/protocol";
import { joinLinkFields } from "@portcullis/protocol/content";
import { assertDecoder, seededRandom } from "@portcullis/testkit";
import {
  decodeAccountRecord,
  encodeAccountRecord,
  type AccountRecord,
} from "../src/account/account-record.ts";
import {
  decodeConversationRecord,
  encodeConversationRecord,
  type ConversationRecord,
} from "../src/conversation/conversation-record.ts";
import {
  decodeJoinRequestRecord,
  encodeJoinRequestRecord,
  type JoinRequestRecord,
} from "../src/joining/join-request-record.ts";
import { decodeLeafRow, encodeLeafRow } from "../src/conversation/leaf-row.ts";
import { roleOf } from "../src/conversation/state-rules.ts";
import {
  readWantedChange,
  wantedChangeFields,
  type WantedChange,
} from "../src/conversation/wanted-change.ts";
import { decodeOutboxEntry, encodeOutboxEntry, type OutboxEntry } from "../src/outbox/outbox-entry.ts";

const random = seededRandom("stored records");
const device = { accountId: asAccountId(random(32)), deviceId: asDeviceId(random(16)) };

const account: AccountRecord = {
  provider: "chat.example",
  frankingKey: random(32),
  handle: "ann",
  ...device,
  accountKey: generateSigningKey(random),
  deviceKey: generateSigningKey(random),
  noticeKey: { publicKey: random(32), privateKey: random(32) },
  signedDeviceList: random(100),
  registered: true,
};

const open: ConversationRecord = {
  condition: "open",
  class: "recorded",
  epoch: 3,
  startBucket: 8_910_000,
  epochStartedAtMs: 8_910_000_123,
  rosterRoot: random(32),
  shared: {
    state: {
      version: 2,
      previous: random(32),
      name: "Flight control",
      picture: random(20),
      roles: [{ accountId: device.accountId, role: "owner" }],
      leaving: [],
    },
    standing: { roles: [], leaving: [device.accountId] },
    startVersion: 1,
    welcomedBy: device.accountId,
  },
};
const frozen: ConversationRecord = {
  ...open,
  condition: "frozen",
  freeze: { sequence: 7, code: "CLIENT_COMMIT_MEMBERS", committer: device },
};

const revoking: ConversationRecord = {
  ...open,
  shared: {
    ...open.shared,
    revoked: [
      {
        publicKey: random(32),
        maker: device.accountId,
        role: "member",
        expiresAtMs: 8_910_000_123,
        uses: 2,
        admitted: [device.accountId],
      },
    ],
  },
};

const about = { conversationId: asConversationId(random(32)), messageId: asMessageId(random(16)) };
const message: OutboxEntry = {
  ...about,
  intent: { kind: "message", applicationData: random(40), frankingTag: random(32) },
  attempt: {
    kind: "message",
    epoch: 3,
    bucketStart: 8_910_000,
    message: random(90),
    record: random(80),
    sealedBucket: random(70),
    records: { index: 4, previous: random(32) },
    recordsAfter: { index: 5, previous: random(32) },
  },
};
const commit: OutboxEntry = {
  ...about,
  intent: { kind: "commit", add: [{ ...device, keyPackage: random(50) }], remove: [device.accountId] },
  attempt: {
    kind: "commit",
    epoch: 3,
    startBucket: 8_910_000,
    rosterRoot: random(32),
    message: random(90),
    welcome: random(60),
    welcomed: [device],
    roster: [{ accountId: device.accountId, salt: random(32) }],
    lookup: random(100),
  },
};
const { attempt: _, ...intentOnly } = message;
const renewal: OutboxEntry = { ...about, intent: { kind: "commit", add: [], remove: [], renews: 3 } };

test("an account record is decoded from its one encoding", () => {
  assertDecoder(encodeAccountRecord(account), decodeAccountRecord, encodeAccountRecord);
});

for (const [name, record] of Object.entries({ open, frozen, revoking }))
  test(`a conversation record is decoded from its one encoding: ${name}`, () => {
    assertDecoder(encodeConversationRecord(record), decodeConversationRecord, encodeConversationRecord);
    assert.deepEqual(decodeConversationRecord(encodeConversationRecord(record)), record);
  });

test("GRP-23: a record without revoked links has the older form, and no other", () => {
  const fields = decodeCbor(encodeConversationRecord(revoking), "record") as CborValue[];
  assert.throws(() => decodeConversationRecord(encodeCbor([...fields.slice(0, -1), []])), {
    code: "DECODE_NOT_CANONICAL",
  });
});

test("GRP-06: a conversation record from before there were roles is read, and everybody is an owner", () => {
  const first = encodeCbor([
    "portcullis/client-conversation/v1",
    "open",
    "sealed",
    3,
    8_910_000,
    8_910_000_123,
    open.rosterRoot,
    null,
  ]);
  const { shared, class: conversationClass } = decodeConversationRecord(first);
  assert.equal(conversationClass, "sealed");
  assert.deepEqual(shared.state, { version: 0, name: "", roles: [], leaving: [] });
  assert.equal(roleOf(shared.state, device.accountId), "owner");
});

const admits = [{ accountId: device.accountId, linkId: random(16) }];
const admission: OutboxEntry = {
  ...about,
  intent: { kind: "commit", add: [{ ...device, keyPackage: random(50) }], remove: [], admits },
};
const warming: OutboxEntry = { ...about, intent: { kind: "commit", add: [], remove: [], warms: true } };
const devices: OutboxEntry = {
  ...about,
  intent: {
    kind: "commit",
    add: [{ ...device, keyPackage: random(50) }],
    remove: [],
    removeDevices: [device],
  },
};

const changes: Record<string, WantedChange> = {
  name: { name: "Capcom" },
  picture: { picture: random(20) },
  "no picture": { picture: undefined },
  role: { accountId: device.accountId, role: "member" },
  leave: { leave: device.accountId },
  "a link instead of others": { link: revoking.shared.revoked![0]!, drops: [random(16), random(16)] },
  "a link less": { drops: [random(16)] },
  repeats: { repeats: true },
};
for (const [name, change] of Object.entries(changes))
  test(`GRP-15: a change of the state is kept with its message in one encoding: ${name}`, () => {
    const intent = { kind: "message" as const, applicationData: random(40), frankingTag: random(32), change };
    for (const entry of [
      { ...message, intent },
      { ...about, intent },
    ]) {
      assertDecoder(encodeOutboxEntry(entry), decodeOutboxEntry, encodeOutboxEntry);
      assert.deepEqual(decodeOutboxEntry(encodeOutboxEntry(entry)), entry);
    }
  });

test("GRP-15: a change with two fresh links, or with what is no link's id, is refused", () => {
  const [one] = revoking.shared.revoked!;
  const two = { ...one!, publicKey: random(32) };
  for (const [links, drops] of [
    [joinLinkFields([one!, two]), []],
    [[], [random(15)]],
    [[], [3]],
  ])
    assert.throws(() => readWantedChange(["links", links!, drops!]), { name: "ProtocolError" });
});

test("GRP-15: whatever is wanted comes back as it was", () => {
  const accountId = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(asAccountId);
  const wanted: fc.Arbitrary<WantedChange> = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 20 }).map((name) => ({ name })),
    fc.option(fc.uint8Array(), { nil: undefined }).map((picture) => ({ picture })),
    fc.record({ accountId, role: fc.constantFrom("owner", "admin", "member") }, { noNullPrototype: true }),
    accountId.map((leave) => ({ leave })),
    fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { maxLength: 8 }).map((drops) => ({ drops })),
  );
  fc.assert(
    fc.property(wanted, (change) => {
      const bytes = encodeCbor(wantedChangeFields(change));
      assert.deepEqual(readWantedChange(decodeCbor(bytes, "change")), change);
    }),
    { numRuns: 50 },
  );
});

for (const [name, entry] of Object.entries({
  message,
  commit,
  intentOnly,
  renewal,
  warming,
  devices,
  admission,
}))
  test(`an outbox entry is decoded from its one encoding: ${name}`, () => {
    assertDecoder(encodeOutboxEntry(entry), decodeOutboxEntry, encodeOutboxEntry);
    assert.deepEqual(decodeOutboxEntry(encodeOutboxEntry(entry)), entry);
  });

test("GRP-26: a request to join is decoded from its one encoding", () => {
  const record: JoinRequestRecord = {
    condition: "waiting",
    conversationId: about.conversationId,
    class: "sealed",
    publicKey: random(32),
    askedAtMs: 8_910_000_123,
    signature: random(64),
  };
  assertDecoder(encodeJoinRequestRecord(record), decodeJoinRequestRecord, encodeJoinRequestRecord);
  assert.deepEqual(decodeJoinRequestRecord(encodeJoinRequestRecord(record)), record);
});

test("a leaf row gives back what it was made of", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 200 }),
      (index, previous, ratchet) => {
        const row = { records: { index, previous }, ratchet };
        assert.deepEqual(decodeLeafRow(encodeLeafRow(row)), row);
      },
    ),
    { numRuns: 50 },
  );
  assert.throws(() => decodeLeafRow(new Uint8Array(35)), PortcullisError);
});

test("arbitrary bytes are refused with a code", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      for (const decode of [
        decodeAccountRecord,
        decodeConversationRecord,
        decodeJoinRequestRecord,
        decodeOutboxEntry,
      ])
        assert.throws(() => decode(bytes), PortcullisError);
    }),
    { numRuns: 100 },
  );
});
