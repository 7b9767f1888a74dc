import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCodes, errorsPage } from "./error-codes.ts";
import { filesBelow, read } from "./house.ts";

const codes = await errorCodes();

test("an error code has one home", () => {
  const names = codes.map(({ code }) => code);
  assert.deepEqual(
    names.filter((code, index) => names.indexOf(code) !== index),
    [],
  );
});

test("docs/errors.md lists exactly the codes that exist", () => {
  const listed = [...read("docs/errors.md").matchAll(/^\| `([A-Z0-9_]+)`/gm)].map((match) => match[1] ?? "");
  assert.deepEqual(listed.toSorted(), codes.map(({ code }) => code).toSorted());
  assert.equal(read("docs/errors.md"), errorsPage(codes));
});

test("every code is raised or checked somewhere besides its table", () => {
  const sources = ["packages", "apps"]
    .flatMap((folder) => filesBelow(folder, /^[^/]+\/src\/.*\.ts$/))
    .filter((file) => !file.endsWith("errors.ts"));
  const text = sources.map(read).join("\n");
  assert.deepEqual(
    codes.filter(({ code }) => !text.includes(`"${code}"`)).map(({ code }) => code),
    [],
  );
});
