import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "@portcullis/protocol";
import { createAlone, joining, person, type Person } from "./people.ts";

/** What keys on an inner node of the tree take: key, parent hash, lengths; every Commit lists what it leaves unmerged. */
const INNER_NODE_BYTES = 80;

test("CLT-64: a group grows to 500 devices, and its Welcomes and Commits stay within the limits", async () => {
  let { group } = await createAlone(person());
  let welcome = new Uint8Array();
  let last: Person = person();
  let largest = 0;
  while (group.members.length < limits.devicesPerConversation) {
    const missing = limits.devicesPerConversation - group.members.length;
    const add: Uint8Array[] = [];
    for (let i = 0; i < Math.min(missing, limits.devicesAddedAtOnce); i++) {
      last = person();
      add.push(await last.keyPackage());
    }
    const state = new Uint8Array(limits.pictureBytes + 64 * limits.devicesPerConversation);
    const commit = await group.commit({
      add,
      remove: [],
      authenticatedData: new Uint8Array(80 * add.length),
      joining: { ...joining, state },
    });
    largest = Math.max(largest, commit.message.length);
    welcome = new Uint8Array(commit.welcome ?? []);
    ({ group } = await group.merge(commit.pending));
  }
  const joined = await last.join(welcome);
  assert.equal(joined.group.members.length, 500);
  const warm = welcome.length + INNER_NODE_BYTES * 511;
  assert.ok(warm < limits.welcomeBytes, `a Welcome of ${welcome.length} bytes, ${warm} with a warm tree`);
  const update = { add: [], remove: [7], authenticatedData: new Uint8Array(), joining };
  const cold = (await group.commit(update)).message.length;
  assert.ok(largest + cold < limits.commitBytes, `Commits of ${largest} and ${cold} bytes`);
});
