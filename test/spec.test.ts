import assert from "node:assert/strict";
import { test } from "node:test";
import { filesBelow, read } from "./house.ts";

const RULE = /^\*\*([A-Z]{3}-\d{2})\*\*/gm;
const QUOTED = /\b([A-Z]{3}-\d{2})\b/g;
/** A test's name, given to `test` or as the `name` of a case in a table of tests. */
const TEST_NAME = /\b(?:test\(|name:)\s*(?:"([^"]*)"|`([^`]*)`)/g;

const rules = filesBelow("spec", /\.md$/).flatMap((file) =>
  [...read(file).matchAll(RULE)].map((match) => match[1] as string),
);
const tests = ["packages", "apps", "test"].flatMap((folder) => filesBelow(folder, /\.test\.ts$/));
const quoted = new Set(
  tests.flatMap((file) =>
    [...read(file).matchAll(TEST_NAME)].flatMap((name) =>
      [...(name[1] ?? name[2] ?? "").matchAll(QUOTED)].map((match) => match[1] as string),
    ),
  ),
);
const prefixes = new Set(rules.map((rule) => rule.slice(0, 3)));

test("every rule of spec/ has an id of its own", () => {
  assert.deepEqual(
    rules.filter((rule, index) => rules.indexOf(rule) !== index),
    [],
  );
  assert.ok(rules.length > 50, "the pattern finds the rules");
});

test("every rule of spec/ is quoted by a test", () => {
  assert.deepEqual(
    rules.filter((rule) => !quoted.has(rule)),
    [],
  );
});

test("every rule that a test quotes stands in spec/", () => {
  assert.deepEqual(
    [...quoted].filter((rule) => prefixes.has(rule.slice(0, 3)) && !rules.includes(rule)),
    [],
  );
});
