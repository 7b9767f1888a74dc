import assert from "node:assert/strict";
import { test } from "node:test";
import { formatInviteLink, parseInviteLink } from "@portcullis/protocol";

const invite = {
  server: "https://chat.example/team",
  secret: new Uint8Array(16).fill(1),
  trustFingerprint: new Uint8Array(32).fill(2),
};
const link = formatInviteLink(invite);

test("ACN-10: a link is the invitation that it was made of, and nothing secret stands before its #", () => {
  assert.deepEqual(parseInviteLink(` ${link}\n`), invite);
  assert.equal(link.split("#")[0], "https://chat.example/team/join");
});

const refused: [string, string][] = [
  ["half a link", link.slice(0, -1)],
  ["more than a link", `${link}A`],
  ["another scheme", link.replace("https:", "javascript:")],
  ["a name and password in the address", link.replace("chat.example", "user:pass@chat.example")],
  ["a query", link.replace("/join", "/join?next=x")],
  ["no host", link.replace("chat.example/team", "%")],
  ["another version", link.replace("invite.1.", "invite.2.")],
  ["a secret that is not in its one form", link.replace("AQEBAQEBAQEBAQEBAQEBAQ", "AQEBAQEBAQEBAQEBAQEBAR")],
  ["no fragment", "https://chat.example/join"],
];
for (const [what, text] of refused)
  test(`ACN-10: no invitation: ${what}`, () => {
    assert.throws(() => parseInviteLink(text), { name: "ProtocolError" });
  });
