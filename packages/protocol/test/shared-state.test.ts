import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asAccountId, encodeCbor, limits, PortcullisError } from "@portcullis/protocol";
import {
  decodeMimiContent,
  decodeSharedState,
  encodeMimiContent,
  encodeSharedState,
  stateMessage,
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

test("GRP-01: a message carries the state in a part of its own type, which is not rendered", () => {
  const about = { salt: new Uint8Array(16), senderUri: "mimi://a/u/1", roomUri: "mimi://a/r/1" };
  const content = stateMessage({ ...about, state });
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
