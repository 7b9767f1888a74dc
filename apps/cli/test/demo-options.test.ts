import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseRequest } from "../src/demo/choose-request.ts";
import { parseDemoOptions } from "../src/demo/options.ts";
import { parseTranscript } from "../src/demo/transcript.ts";

test("the request is all three options or none", () => {
  assert.equal(parseDemoOptions([]).request, undefined);
  assert.deepEqual(
    parseDemoOptions(["--account", "Jim", "--from", "1970-04-14T03:00:00Z", "--to", "1970-04-14T03:30:00Z"])
      .request,
    {
      account: "Jim",
      fromMs: Date.UTC(1970, 3, 14, 3),
      toMs: Date.UTC(1970, 3, 14, 3, 30),
    },
  );
  assert.throws(() => parseDemoOptions(["--account", "Jim"]), { code: "CLI_OPTION" });
});

for (const args of [
  ["--unknown"],
  ["stray"],
  ["--account", "Jim", "--from", "yesterday", "--to", "now"],
  ["--out"],
  ["--once=yes"],
]) {
  test(`refused: ${args.join(" ")}`, () => {
    assert.throws(() => parseDemoOptions(args), { code: "CLI_OPTION" });
  });
}

test("without a request the busiest half hour of the busiest person is asked for", () => {
  const lines = [
    "10:00:00] Anna",
    "10:01:00] Ben",
    "10:20:00] Ben",
    "10:40:00] Ben",
    "10:46:00] Ben",
    "10:50:00] Ben",
  ];
  const transcript = parseTranscript(
    new TextEncoder().encode(lines.map((line) => `[01/02/2024, ${line}: hello`).join("\n")),
  );
  assert.deepEqual(chooseRequest(transcript, 900), {
    account: "Ben",
    fromMs: Date.UTC(2024, 1, 1, 10, 30),
    toMs: Date.UTC(2024, 1, 1, 11, 0),
  });
});
