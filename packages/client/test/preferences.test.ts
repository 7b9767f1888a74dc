import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asAccountId, asConversationId, asDeviceId, asMessageId, toBase64Url } from "@portcullis/protocol";
import { decodePreferences, encodePreferences, type Preference } from "@portcullis/protocol/content";
import { assertDecoder, FixedClock, seededRandom } from "@portcullis/testkit";
import type { Host } from "../src/host.ts";
import { decodeKeptPreferences, encodeKeptPreferences } from "../src/preferences/preference-record.ts";
import { Preferences } from "../src/preferences/preferences.ts";
import type { StoreChange } from "../src/store.ts";

const random = seededRandom("preferences");
const accountId = asAccountId(random(32));
const [ownDevice, otherDevice] = [asDeviceId(random(16)), asDeviceId(random(16))];
const conversations = [asConversationId(random(32)), asConversationId(random(32))];
const messageId = asMessageId(random(16));

function open(facts: ReadonlyMap<string, Uint8Array> = new Map()) {
  const written: StoreChange[] = [];
  const clock = new FixedClock(1_000_000);
  const host = {
    account: { accountId, deviceId: ownDevice },
    clock,
    ready: false,
    conversations: new Map(),
    events: { emit: () => {}, on: () => {} },
    write: async (changes: readonly StoreChange[]) => void written.push(...changes),
  } as unknown as Host;
  const preferences = new Preferences(host, facts, () => Promise.reject(new Error("not there")));
  return { preferences, written, clock };
}

interface Word {
  readonly atMs: number;
  readonly where: number;
  readonly sequence: number;
  readonly said: readonly Preference[];
}

const take = (
  { preferences }: ReturnType<typeof open>,
  { atMs, where, sequence, said }: Word,
  by = accountId,
) =>
  preferences.take(
    {
      acceptedAtMs: atMs,
      conversationId: conversations[where]!,
      sequence,
      senderAccountId: by,
      senderDeviceId: otherDevice,
      messageId,
      receipt: new Uint8Array(0),
    },
    said,
  );

const blocked = ({ preferences }: ReturnType<typeof open>): string[] =>
  preferences.blocked().map(toBase64Url).toSorted();

test("PRF-02: in whatever order changes come, the one that was accepted last counts, everywhere", () => {
  const people = [1, 2].map((i) => toBase64Url(new Uint8Array(32).fill(i)));
  const word = fc.record({
    atMs: fc.nat(3),
    where: fc.nat(1),
    said: fc.array(
      fc.record({
        name: fc.constantFrom(...people.map((one) => `block/${one}`)),
        value: fc.constantFrom("1", undefined),
      }),
      { minLength: 1, maxLength: 2 },
    ),
  });
  const inAnyOrder = fc.array(word, { maxLength: 6 }).chain((words) => {
    const numbered = words.map((one, i) => ({ ...one, sequence: i + 1 }));
    return fc.tuple(fc.constant(numbered), fc.shuffledSubarray(numbered, { minLength: words.length }));
  });
  fc.assert(
    fc.property(inAnyOrder, ([words, shuffled]) => {
      const [one, other] = [open(), open()];
      for (const said of words) take(one, said);
      for (const said of [...shuffled, ...words]) take(other, said);
      assert.deepEqual(blocked(other), blocked(one));
      const kept = take(one, { atMs: 9, where: 0, sequence: 99, said: [{ name: "pin/x", value: "1" }] })[0];
      assert.ok(kept && "put" in kept && kept.put === "fact");
      assert.deepEqual(blocked(open(new Map([["preferences", kept.value]]))), blocked(one));
    }),
  );
});

test("PRF-02: a change that is not ordered yet counts on its own device, until it is", async () => {
  const scene = open();
  const name = `block/${toBase64Url(accountId)}`;
  await scene.preferences.block(accountId);
  assert.ok(scene.preferences.isBlocked(accountId));
  assert.equal(scene.written.length, 1);
  assert.deepEqual(take(scene, { atMs: 5, where: 0, sequence: 1, said: [{ name, value: undefined }] }), []);
  assert.ok(scene.preferences.isBlocked(accountId));
  const own = { acceptedAtMs: 5, conversationId: conversations[0]!, sequence: 2, senderAccountId: accountId };
  const message = { ...own, senderDeviceId: ownDevice, messageId, receipt: new Uint8Array(0) };
  assert.equal(scene.preferences.take(message, [{ name, value: "1" }]).length, 1);
  assert.equal(take(scene, { atMs: 5, where: 0, sequence: 3, said: [{ name, value: undefined }] }).length, 1);
  assert.ok(!scene.preferences.isBlocked(accountId));
});

test("PRF-01: what is said again to a device that has come in counts from when it was first said", () => {
  const name = `block/${toBase64Url(accountId)}`;
  const first = { acceptedAtMs: 5, conversationId: conversations[0]!, sequence: 1 };
  const again: Word = { atMs: 9, where: 0, sequence: 9, said: [{ name, value: "1", place: first }] };
  const [old, fresh] = [open(), open()];
  take(old, { atMs: 7, where: 0, sequence: 4, said: [{ name, value: undefined }] });
  assert.deepEqual(take(old, again), []);
  assert.deepEqual(old.preferences.blocked(), []);
  take(fresh, again);
  assert.deepEqual(fresh.preferences.blocked(), [accountId]);
  take(fresh, { atMs: 7, where: 0, sequence: 4, said: [{ name, value: undefined }] });
  assert.deepEqual(fresh.preferences.blocked(), []);
});

test("PRF-03: what another account says of preferences is nothing", () => {
  const scene = open();
  const said = [{ name: `block/${toBase64Url(accountId)}`, value: "1" }];
  assert.deepEqual(take(scene, { atMs: 5, where: 0, sequence: 1, said }, asAccountId(random(32))), []);
  assert.deepEqual(scene.preferences.blocked(), []);
  assert.equal(take(scene, { atMs: 5, where: 0, sequence: 1, said }).length, 1);
  assert.ok(scene.preferences.isBlocked(accountId));
});

test("PRF-06: a conversation is muted until the time that was said, or for always", async () => {
  const { preferences, clock, written } = open();
  const [id] = conversations as [(typeof conversations)[number]];
  await preferences.mute(id, clock.now() + 1000);
  assert.equal(preferences.of(id).mutedUntilMs, 1_001_000);
  clock.advance(1000);
  assert.equal(preferences.of(id).mutedUntilMs, undefined);
  await preferences.mute(id, "always");
  assert.equal(preferences.of(id).mutedUntilMs, Infinity);
  await preferences.mute(id, "always");
  assert.equal(written.length, 2, "nothing has changed");
  await preferences.mute(id, undefined);
  assert.equal(preferences.of(id).mutedUntilMs, undefined);
});

test("PRF-01: preferences have one encoding, in messages and in the store", () => {
  const said = [
    { name: "a", value: "1" },
    { name: "b", value: undefined },
  ];
  const decode = (bytes: Uint8Array): Preference[] => decodePreferences(bytes);
  assert.deepEqual(decode(encodePreferences(said.toReversed())), said);
  assertDecoder(encodePreferences(said), decode, encodePreferences);
  const twice = encodePreferences([said[0]!, said[0]!]);
  assert.throws(() => decode(twice), { code: "DECODE_NOT_CANONICAL" });
  const many = Array.from({ length: 257 }, (_, i) => ({ name: `n${i}`, value: "1" }));
  assert.throws(() => decode(encodePreferences(many)), { code: "DECODE_LENGTH" });
  const place = { acceptedAtMs: 3, conversationId: conversations[0]!, sequence: 4 };
  const kept = [
    { name: "a", value: "1", place },
    { name: "b", value: undefined },
  ];
  assert.deepEqual(decodeKeptPreferences(encodeKeptPreferences(kept)), kept);
  assertDecoder(encodeKeptPreferences(kept), decodeKeptPreferences, encodeKeptPreferences);
});
