import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asAccountId, encodeCbor, limits, PortcullisError } from "@portcullis/protocol";
import {
  decodeMimiContent,
  decodeSharedState,
  encodeMimiContent,
  encodeSharedState,
  contentOf,
  stateOf,
  textMessage,
  type SharedState,
} from "@portcullis/protocol/content";
import { assertDecoder } from "@portcullis/testkit";

const account = (byte: number) => asAccountId(new Uint8Array(32).fill(byte));
const state: SharedState = {
  version: 4,
  previous: new Uint8Array(32).fill(1),
  name: "Flight control \u2708",
  picture: Uint8Array.of(1, 2, 3),
  roles: [
    { accountId: account(1), role: "owner" },
    { accountId: account(2), role: "admin" },
  ],
  leaving: [account(3)],
};

test("GRP-01: a shared state has one encoding", () => {
  assertDecoder(encodeSharedState(state), decodeSharedState, encodeSharedState);
  assert.deepEqual(decodeSharedState(encodeSharedState(state)), state);
  const bare: SharedState = { version: 0, name: "", roles: [], leaving: [] };
  assertDecoder(encodeSharedState(bare), decodeSharedState, encodeSharedState);
  const turned = { ...state, roles: state.roles.toReversed(), leaving: [...state.leaving] };
  assert.deepEqual(encodeSharedState(turned), encodeSharedState(state));
});

test("GRP-01: accounts out of order or twice, unknown roles, and what is too large are refused", () => {
  const fields = (changes: Record<number, Parameters<typeof encodeCbor>[0]>): Uint8Array =>
    encodeCbor(
      ["portcullis/state/v1", 4, state.previous!, "name", null, [[account(1), "owner"]], []].map(
        (field, at) => changes[at] ?? field,
      ),
    );
  decodeSharedState(fields({}));
  const bad: [Record<number, Parameters<typeof encodeCbor>[0]>, code: string][] = [
    [
      {
        5: [
          [account(2), "owner"],
          [account(1), "admin"],
        ],
      },
      "DECODE_NOT_CANONICAL",
    ],
    [
      {
        5: [
          [account(1), "owner"],
          [account(1), "admin"],
        ],
      },
      "DECODE_NOT_CANONICAL",
    ],
    [{ 6: [account(1), account(1)] }, "DECODE_NOT_CANONICAL"],
    [{ 6: ["account"] }, "DECODE_SHAPE"],
    [{ 5: [[account(1), "member"]] }, "DECODE_SHAPE"],
    [{ 1: 0 }, "DECODE_SHAPE"],
    [{ 3: "\u00e9".repeat(limits.nameBytes / 2 + 1) }, "DECODE_LENGTH"],
    [{ 4: new Uint8Array(limits.pictureBytes + 1) }, "DECODE_LENGTH"],
  ];
  for (const [changes, code] of bad) assert.throws(() => decodeSharedState(fields(changes)), { code });
});

test("GRP-21: a state with links has one encoding, and one without them the older one", () => {
  const link = {
    publicKey: new Uint8Array(32).fill(5),
    maker: account(1),
    role: "admin" as const,
    expiresAtMs: 8_000_000,
    uses: 2,
    admitted: [account(2), account(3)],
  };
  const linked: SharedState = { ...state, links: [link, { ...link, publicKey: new Uint8Array(32).fill(6) }] };
  assertDecoder(encodeSharedState(linked), decodeSharedState, encodeSharedState);
  assert.deepEqual(decodeSharedState(encodeSharedState(linked)), linked);
  const backwards = { ...link, admitted: link.admitted.toReversed() };
  const turned = [{ ...backwards, publicKey: new Uint8Array(32).fill(6) }, backwards];
  assert.deepEqual(encodeSharedState({ ...linked, links: turned }), encodeSharedState(linked));
  assert.deepEqual(encodeSharedState({ ...state, links: [] }), encodeSharedState(state));
  type Fields = Parameters<typeof encodeCbor>[0][];
  const raw = (links: Fields): Uint8Array =>
    encodeCbor(["portcullis/state/v2", 4, state.previous!, "name", null, [], [], links]);
  const fields = (changes: Record<number, Fields[number]> = {}): Fields =>
    [link.publicKey, link.maker, link.role, link.expiresAtMs, link.uses, link.admitted as Fields].map(
      (field, at) => changes[at] ?? field,
    );
  decodeSharedState(raw([fields()]));
  const another = (i: number): Fields => fields({ 0: new Uint8Array(32).fill(i) });
  const bad: [Fields, code: string][] = [
    [[], "DECODE_NOT_CANONICAL"],
    [[fields(), fields()], "DECODE_NOT_CANONICAL"],
    [[fields({ 5: [account(3), account(2)] })], "DECODE_NOT_CANONICAL"],
    [[fields({ 5: ["account"] })], "DECODE_SHAPE"],
    [[fields({ 2: "owner" })], "DECODE_SHAPE"],
    [[fields({ 4: 0 })], "DECODE_RANGE"],
    [[fields({ 4: limits.usesPerJoinLink + 1 })], "DECODE_RANGE"],
    [[fields({ 4: 1 })], "DECODE_RANGE"],
    [Array.from({ length: limits.joinLinks + 1 }, (_, i) => another(i)), "DECODE_LENGTH"],
  ];
  for (const [links, code] of bad) assert.throws(() => decodeSharedState(raw(links)), { code });
});

test("GRP-01: a message carries the state in a part of its own type, which is not rendered", () => {
  const about = { salt: new Uint8Array(16), senderUri: "mimi://a/u/1", roomUri: "mimi://a/r/1" };
  const content = contentOf({ kind: "state", state }, about);
  assert.deepEqual(decodeMimiContent(encodeMimiContent(content)), content);
  assert.deepEqual(stateOf(content), state);
  assert.equal(stateOf(textMessage({ ...about, text: "hello" })), undefined);
});

test("arbitrary bytes are no shared state", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      assert.throws(() => decodeSharedState(bytes), PortcullisError);
    }),
    { numRuns: 50 },
  );
});
