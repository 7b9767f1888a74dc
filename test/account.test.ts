import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { acceptInvite, createOperatorInvite } from "@portcullis/client";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { randomBytes } from "node:crypto";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const directory = temporaryDirectory();
let room: ProviderRoom;

before(async () => {
  room = await openProviderRoom(directory, clock);
  await room.restartServer({ membersInvite: true });
});
after(async () => room.close());

function operatorInvite(): Promise<string> {
  const { url: server, operatorToken } = room.server;
  return createOperatorInvite({ server, operatorToken, fetch, random });
}

test("ACN-13: an invitation is all that a guest needs; a member's leads to the same trust", async () => {
  const accepted = await acceptInvite(await operatorInvite(), fetch);
  assert.deepEqual(accepted.trust, room.trust);
  const ann = await room.join("ann", { ...accepted });
  const bob = await room.join("bob", { ...(await acceptInvite(await ann.createInvite(), fetch)) });
  assert.deepEqual(await bob.findAccount("ann"), ann.accountId);
  const twice = room.join("carol", { invite: accepted.invite });
  await assert.rejects(twice, {
    code: "CLIENT_SERVER_REFUSED",
    facts: { path: "/v1/accounts", status: 403, refusal: "INVITE_USED_UP" },
  });
});

test("ACN-13: a server that shows other trust anchors than the link's is refused, and never gets the secret", async () => {
  const link = await operatorInvite();
  const asked: string[] = [];
  const changes: [string, (body: Record<string, unknown>) => object][] = [
    ["the identity log", (body) => ({ ...body, identityLog: body["accessLog"] })],
    ["a witness", (body) => ({ ...body, witnesses: (body["witnesses"] as string[]).slice(1) })],
    ["the threshold", (body) => ({ ...body, witnessThreshold: 1 })],
    ["the policy", ({ policyId, ...body }) => ({ ...body, was: policyId })],
  ];
  for (const [what, change] of changes) {
    const meddling: typeof fetch = async (input, init) => {
      asked.push(`${JSON.stringify(input)} ${JSON.stringify(init)}`);
      const response = await fetch(input, init);
      return Response.json(change((await response.json()) as Record<string, unknown>));
    };
    await assert.rejects(acceptInvite(link, meddling), { code: "CLIENT_TRUST" }, what);
  }
  const secret = link.split(".").at(-2) as string;
  assert.ok(asked.every((request) => !request.includes(secret)));
});
