import assert from "node:assert/strict";
import { test } from "node:test";
import { exportedNames } from "./exported-names.ts";
import { read } from "./house.ts";

test("the exported names are those of test/exports.json", async () => {
  assert.deepEqual(await exportedNames(), JSON.parse(read("test/exports.json")));
});
