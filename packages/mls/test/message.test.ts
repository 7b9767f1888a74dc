import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "@portcullis/protocol";
import { converse, person } from "./people.ts";

test("MLS-20: what one member protects every other opens, with sender and authenticated data", async () => {
  const { epochs } = await converse([person(), person(), person()]);
  const [alice, bob, carol] = epochs.map(({ group }) => group);
  const { message } = await alice!.protect(utf8("hello"), utf8("for all to see"));
  for (const reader of [bob!, carol!]) {
    const opened = await reader.unprotect(message);
    assert.equal(opened.senderLeaf, alice!.ownLeaf);
    assert.deepEqual(opened.authenticatedData, utf8("for all to see"));
    assert.deepEqual(opened.plaintext, utf8("hello"));
  }
});
