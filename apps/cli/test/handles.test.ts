import assert from "node:assert/strict";
import { test } from "node:test";
import { handlesOf } from "../src/demo/handles.ts";

test("ACN-01: speakers keep their names as handles; who cannot goes by a number", () => {
  const names = ["Jim Lovell", "Jan 🏃", "JIM LOVELL", "Jim Loveii", "~ Anna", "+31 6 12345678", "Swimmer 1"];
  assert.deepEqual(
    [...handlesOf(names).values()],
    [
      "Jim Lovell",
      "speaker no. 2",
      "speaker no. 3",
      "speaker no. 4",
      "speaker no. 5",
      "+31 6 12345678",
      "Swimmer 1",
    ],
  );
});
