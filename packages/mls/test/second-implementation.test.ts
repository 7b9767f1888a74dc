import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  createCommit,
  decodeMlsMessage,
  emptyPskIndex,
  encodeMlsMessage,
  processPrivateMessage,
} from "ts-mls";
import { encodeGroupContext } from "ts-mls/groupContext.js";
import { decodeSnapshot } from "../src/epoch.ts";
import { decodeKeyPackage } from "../src/key-package.ts";
import { cipherSuite, rawState } from "./forger.ts";
import { change, converse, person, type Conversation } from "./people.ts";

const accept = (): void => undefined;

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom("renew", "add", "add and remove", "remove"),
    by: fc.nat(7),
    whom: fc.nat(7),
  }),
  { minLength: 1, maxLength: 8 },
);

test("MLS-46: ts-mls takes every Commit of ours to the epoch that we reach, and we take those of ts-mls", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      let now: Conversation = await converse([person(), person(), person()]);
      for (const { kind, by: author, whom } of history) {
        const by = author % now.epochs.length;
        const reader = (by + 1 + (whom % (now.epochs.length - 1))) % now.epochs.length;
        const removes = kind.endsWith("remove") && now.epochs.length > 2 ? [reader] : [];
        const newcomer = kind.startsWith("add") ? person() : undefined;
        const add = newcomer === undefined ? [] : [await newcomer.keyPackage()];
        const remove = removes.map((place) => now.epochs[place]!.group.ownLeaf);
        await takesTheirs(now, by, reader);

        const { epochs, message, welcome } = await change(now, { by, add, remove });
        const people = now.people.filter((_, place) => !removes.includes(place));
        const witness = now.epochs.findIndex((_, place) => place !== by && !removes.includes(place));
        await reachesOurs(now, { by, witness, message, epochs, hasPath: kind !== "add" });
        if (newcomer !== undefined) epochs.push(await newcomer.join(welcome!));
        now = { people: newcomer === undefined ? people : [...people, newcomer], epochs };
      }
    }),
    { numRuns: 12 },
  );
});

/** What ts-mls makes of our Commit for one who stays is what we make of it. */
async function reachesOurs(
  before: Conversation,
  {
    by,
    witness,
    message,
    epochs,
    hasPath,
  }: {
    by: number;
    witness: number;
    message: Uint8Array;
    epochs: Conversation["epochs"];
    hasPath: boolean;
  },
): Promise<void> {
  const start = before.epochs[witness];
  const ours = decodeSnapshot(epochs[0]!.snapshot);
  // Where the root is not on the filtered path, because a half of the tree is blank, ts-mls derives one secret too many.
  if (start === undefined || (hasPath && ours.tree[(ours.tree.length - 1) / 2] === undefined)) return;
  const state = rawState(start, before.people[witness]!, before.epochs[by]!.group.ownLeaf);
  const [decoded] = decodeMlsMessage(message, 0)!;
  assert(decoded.wireformat === "mls_private_message");
  const taken = await processPrivateMessage(state, decoded.privateMessage, emptyPskIndex, cipherSuite);
  const { groupContext, keySchedule } = taken.newState;
  assert.deepEqual(encodeGroupContext(groupContext), encodeGroupContext(ours.groupContext));
  assert.deepEqual(keySchedule.initSecret, ours.initSecret);
  assert.deepEqual(keySchedule.senderDataSecret, ours.senderDataSecret);
}

/** We take a Commit that ts-mls makes in the same place. */
async function takesTheirs(now: Conversation, by: number, reader: number): Promise<void> {
  const state = rawState(now.epochs[by]!, now.people[by]!);
  const keyPackage = decodeKeyPackage(await person().keyPackage());
  const { commit, newState } = await createCommit(
    { state, cipherSuite },
    { extraProposals: [{ proposalType: "add", add: { keyPackage } }] },
  );
  const taken = await now.epochs[reader]!.group.process(encodeMlsMessage(commit), accept);
  assert(taken.kind === "epoch");
  const { groupContext, initSecret } = decodeSnapshot(taken.snapshot);
  assert.deepEqual(encodeGroupContext(groupContext), encodeGroupContext(newState.groupContext));
  assert.deepEqual(initSecret, newState.keySchedule.initSecret);
}
