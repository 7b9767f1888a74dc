import assert from "node:assert/strict";
import { test } from "node:test";
import type { MlsGroup } from "@portcullis/mls";
import { createAlone, joining, person } from "./people.ts";

const MEMBERS = 20;
const empty = { add: [], remove: [], authenticatedData: new Uint8Array(), joining };

async function follow(group: MlsGroup, message: Uint8Array): Promise<MlsGroup> {
  const processed = await group.process(message, () => undefined);
  if (processed.kind === "removed") throw new Error("nobody was removed");
  return processed.group;
}

test("CLT-60: once every member has committed after a bulk add, Commits are a fraction of what they were", async () => {
  const creator = person();
  const others = Array.from({ length: MEMBERS - 1 }, () => person());
  const add = await Promise.all(others.map((other) => other.keyPackage()));
  const { group } = await createAlone(creator);
  const { pending, welcome } = await group.commit({ ...empty, add });
  // Those who have still to commit, in their order: nobody else is needed to see the tree fill.
  const waiting = [(await group.merge(pending)).group];
  for (const other of others) waiting.push((await other.join(welcome as Uint8Array)).group);
  const everybody = waiting.map((_, leafIndex) => leafIndex);
  assert.deepEqual(waiting[1]?.coldLeaves, everybody, "the creator has put no keys on the tree either");
  const sizes: number[] = [];
  let last = waiting[0]!;
  for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
    const commit = await one.commit(empty);
    sizes.push(commit.message.length);
    last = (await one.merge(commit.pending)).group;
    assert.equal(last.coldLeaves.length, waiting.length);
    for (const [i, later] of waiting.entries()) waiting[i] = await follow(later, commit.message);
  }
  const [cold = 0] = sizes;
  const warm = (await last.commit(empty)).message.length;
  assert.ok(cold > 2 * warm, `${cold} and ${warm} bytes`);
});
