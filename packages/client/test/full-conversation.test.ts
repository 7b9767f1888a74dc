import assert from "node:assert/strict";
import { test } from "node:test";
import { asAccountId, asDeviceId } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import type { Epoch } from "../src/conversation/epoch.ts";
import { buildCommit } from "../src/outbox/commit-build.ts";
import type { StateKeeper } from "../src/conversation/state-keeper.ts";
import type { DeviceDirectory } from "../src/identity/device-directory.ts";
import type { LogView } from "../src/identity/log-view.ts";

const random = seededRandom("full conversation");
const newDevice = () => ({
  accountId: asAccountId(random(32)),
  deviceId: asDeviceId(random(16)),
  keyPackage: random(8),
});

test("CLT-64: no Commit is made that adds a 501st device, though others filled the conversation meanwhile", async () => {
  const members = Array.from({ length: 500 }, newDevice);
  const epoch = { group: { members, epoch: 9 }, nextRosterKey: random(32) } as unknown as Epoch;
  const intent = { kind: "commit", add: [newDevice()], remove: [] } as const;
  const built = buildCommit(epoch, intent, {
    startBucket: 0,
    states: {
      demandRight: () => undefined,
      demandAdmissions: () => undefined,
    } as unknown as StateKeeper,
    committer: asAccountId(random(32)),
    directory: {} as DeviceDirectory,
    log: { head: undefined } as LogView,
  });
  await assert.rejects(built, { code: "CLIENT_CONVERSATION_FULL" });
});
