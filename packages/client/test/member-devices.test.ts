import assert from "node:assert/strict";
import { test } from "node:test";
import { asAccountId, asConversationId, asDeviceId, toBase64Url, type AccountId } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { ClientError } from "../src/errors.ts";
import { isUnlisted, requireUnlisted } from "../src/identity/device-directory.ts";
import type { Intent } from "../src/outbox/outbox-entry.ts";
import type { Conversation } from "../src/conversation/conversation.ts";
import { MemberDevicesKeeper, type MemberDevicesHost } from "../src/conversation/member-devices.ts";

const random = seededRandom("member devices");
const own = asAccountId(random(32));

/**
 * This device at leaf 2 among others, each of another account; `lost` of them are listed no more, and of `back` another
 * device can be added. The one at leaf 0 is the owner.
 */
function scene({
  others,
  lost = [],
  back = [],
}: {
  others: number;
  lost?: readonly number[];
  back?: readonly number[];
}) {
  const accounts = Array.from({ length: others + 1 }, (_, i) => (i === 2 ? own : asAccountId(random(32))));
  const members = accounts.map((accountId, leafIndex) => ({
    accountId,
    deviceId: asDeviceId(random(16)),
    signatureKey: random(32),
    leafIndex,
  }));
  const group = { epoch: 1, members, ownLeaf: 2 };
  const roles = [{ accountId: accounts[0]!, role: "owner" as const }];
  const commits: { added: number[]; removed: number[] }[] = [];
  const leafOf = ({ accountId }: { accountId: AccountId }): number => accounts.indexOf(accountId);
  const conversation = {
    id: asConversationId(random(32)),
    sendingEpoch: { group },
    epoch: { group },
    cursor: 0,
    states: { state: { version: 0, name: "", roles, leaving: [] } },
    watchers: { until: async () => {} },
    outbox: {
      add: async ({ add, removeDevices = [] }: Intent & { kind: "commit" }) => {
        commits.push({ added: add.map(leafOf), removed: removeDevices.map(leafOf) });
        group.members = group.members.filter(
          ({ deviceId }) => !removeDevices.some((one) => one.deviceId === deviceId),
        );
        return { sequence: 0 };
      },
    },
  };
  const asked: AccountId[][] = [];
  const delays: number[] = [];
  const host = {
    account: { accountId: own },
    ready: true,
    random,
    conversations: new Map([["one", conversation as unknown as Conversation]]),
    devices: {
      current: async (looked: readonly AccountId[]) => {
        asked.push([...looked]);
        return new Map(
          members
            .filter(({ accountId }) => looked.includes(accountId))
            .map(({ leafIndex, ...leaf }) => [
              toBase64Url(leaf.accountId),
              { accountId: leaf.accountId, devices: lost.includes(leafIndex) ? [] : [leaf] },
            ]),
        );
      },
    },
    later: (delayMs: number) => delays.push(delayMs),
  };
  const claims = {
    of: async ([accountId]: readonly AccountId[]) => {
      if (!back.includes(accounts.indexOf(accountId!))) throw new ClientError("CLIENT_MEMBER_NO_DEVICE");
      return [[{ accountId, deviceId: asDeviceId(random(16)), keyPackage: random(8) }]];
    },
  };
  const keeper = new MemberDevicesKeeper({ ...host, claims } as unknown as MemberDevicesHost, {
    everyMs: 1,
    turnMs: 2000,
  });
  const settle = (): Promise<boolean> => keeper.settle(conversation as unknown as Conversation);
  return { keeper, asked, delays, accounts, commits, settle };
}

test("GRP-14: each look is at 16 others, and all have their turn before anybody has another", async () => {
  const { keeper, asked, accounts, delays } = scene({ others: 40 });
  for (let look = 0; look < 3; look++) await keeper.look();
  assert.deepEqual(
    asked.map(({ length }) => length),
    [16, 16, 16],
  );
  const names = asked.flat().map((accountId) => toBase64Url(accountId));
  assert.equal(new Set(names.slice(0, 40)).size, 40);
  assert.ok(!names.includes(toBase64Url(own)));
  assert.notDeepEqual(asked[0], accounts.filter((one) => one !== own).slice(0, 16), "by lot");
  assert.deepEqual(delays, []);
});

test("GRP-14: what was lost is removed in turns, by leaf; a device waits for one turn at a time", async () => {
  const { keeper, delays } = scene({ others: 5, lost: [0, 4] });
  await keeper.look();
  await keeper.look();
  // Of the two leaves before its own one is lost, and has no turn.
  assert.deepEqual(delays, [2 * 2000]);
});

test("GRP-14: one Commit removes what is lost, and adds what can be had of those who have nothing else there", async () => {
  const { settle, commits } = scene({ others: 5, lost: [1, 4], back: [1] });
  assert.equal(await settle(), true);
  assert.deepEqual(commits, [{ added: [1], removed: [1, 4] }]);
});

test("GRP-14: while the owner is not back nobody comes back, and those that do not are removed", async () => {
  const { settle, commits } = scene({ others: 5, lost: [0, 1, 4], back: [1] });
  assert.equal(await settle(), false);
  assert.deepEqual(commits, [{ added: [], removed: [4] }]);
});

test("GRP-14: nothing is committed where nothing is lost", async () => {
  const { settle, commits } = scene({ others: 5 });
  assert.equal(await settle(), true);
  assert.deepEqual(commits, []);
});

test("CLT-66: lost is what the account's list does not name, or names with another key; without a list nothing is", () => {
  const leaf = { accountId: own, deviceId: asDeviceId(random(16)), signatureKey: random(32) };
  const listing = (...devices: unknown[]) => new Map([[toBase64Url(own), { devices } as never]]);
  assert.ok(isUnlisted(listing(), leaf));
  assert.ok(isUnlisted(listing({ ...leaf, signatureKey: random(32) }), leaf));
  for (const lists of [listing(leaf), new Map<string, undefined>([[toBase64Url(own), undefined]]), new Map()])
    assert.throws(() => requireUnlisted(lists, leaf), { code: "CLIENT_DEVICE_LISTED" });
});
