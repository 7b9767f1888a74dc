import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  asConversationId,
  formatInviteLink,
  formatJoinLink,
  parseJoinLink,
  PortcullisError,
  type JoinLinkText,
} from "@portcullis/protocol";

const text: JoinLinkText = {
  server: "https://chat.example/team",
  conversationId: asConversationId(new Uint8Array(32).fill(1)),
  class: "recorded",
  secret: new Uint8Array(32).fill(2),
};
const link = formatJoinLink(text);

test("GRP-20: a link is what it was made of, and nothing but the server stands before its #", () => {
  assert.deepEqual(parseJoinLink(` ${link}\n`), text);
  const sealed = { ...text, class: "sealed" } as const;
  assert.deepEqual(parseJoinLink(formatJoinLink(sealed)), sealed);
  assert.equal(link.split("#")[0], "https://chat.example/team/group");
});

const invitation = formatInviteLink({
  server: "https://chat.example",
  secret: new Uint8Array(16),
  trustFingerprint: new Uint8Array(32),
});
const refused: [string, string][] = [
  ["half a link", link.slice(0, -1)],
  ["more than a link", `${link}A`],
  ["another scheme", link.replace("https:", "javascript:")],
  ["a name and password in the address", link.replace("chat.example", "user:pass@chat.example")],
  ["a query", link.replace("/group", "/group?next=x")],
  ["no host", link.replace("chat.example/team", "%")],
  ["another version", link.replace("join.1.", "join.2.")],
  ["another class", link.replace(".recorded.", ".public.")],
  ["a secret that is not in its one form", `${link.slice(0, -1)}J`],
  ["an invitation to the server", invitation],
  ["no fragment", "https://chat.example/group"],
];
for (const [what, wrong] of refused)
  test(`GRP-20: no link to a conversation: ${what}`, () => {
    assert.throws(() => parseJoinLink(wrong), { name: "ProtocolError" });
  });

test("GRP-20: every prefix and arbitrary text are refused with a code", () => {
  for (let end = 0; end < link.length; end++)
    assert.throws(() => parseJoinLink(link.slice(0, end)), PortcullisError);
  fc.assert(
    fc.property(fc.string(), (wrong) => {
      assert.throws(() => parseJoinLink(wrong), PortcullisError);
    }),
    { numRuns: 50 },
  );
});
