import assert from "node:assert/strict";
import { test } from "node:test";
import { Lane } from "../src/lane.ts";

test("tasks run one after the other, also behind one that fails", async () => {
  const lane = new Lane();
  const order: string[] = [];
  const slow = lane.run(async () => {
    order.push("slow begins");
    await new Promise((resolve) => setImmediate(resolve));
    order.push("slow ends");
  });
  const failing = lane.run(() => Promise.reject(new Error("no")));
  const last = lane.run(async () => order.push("last"));
  await assert.rejects(failing, /no/);
  await Promise.all([slow, last]);
  await lane.drained();
  assert.deepEqual(order, ["slow begins", "slow ends", "last"]);
});
