import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Answers } from "../src/server/answers.ts";

const WAIT_MS = 30_000;

/** Timers that go off when the test lets time pass, and what the connection is told. */
let timers: { atMs: number; task: () => void }[];
let nowMs: number;
let mostTimers: number;
let reconnects: unknown[];
let answers: Answers;

beforeEach(() => {
  timers = [];
  [nowMs, mostTimers, reconnects] = [0, 0, []];
  const later = (delayMs: number, task: () => void): void => {
    timers.push({ atMs: nowMs + delayMs, task });
    mostTimers = Math.max(mostTimers, timers.length);
  };
  const reconnect = (reason: unknown): void => {
    reconnects.push(reason);
    answers.clear();
  };
  answers = new Answers({ later, reconnect }, WAIT_MS);
});

function pass(ms: number): void {
  nowMs += ms;
  const due = timers.filter(({ atMs }) => atMs <= nowMs);
  timers = timers.filter(({ atMs }) => atMs > nowMs);
  for (const { task } of due) task();
}

const reject = (requestId: number): void =>
  answers.take({ type: "rejected", requestId, code: "EPOCH_STALE" });

function codesOf(reasons: readonly unknown[]): unknown[] {
  return reasons.map((reason) => (reason as { code?: unknown }).code);
}

test("CLT-45: a request that is never answered ends the connection once, and each connection has its own time", () => {
  answers.expect(() => assert.fail("nothing was answered"));
  pass(WAIT_MS - 1);
  assert.deepEqual(reconnects, []);
  pass(1);
  assert.deepEqual(codesOf(reconnects), ["CLIENT_SERVER_SILENT"]);
  pass(10 * WAIT_MS);
  assert.equal(reconnects.length, 1, "what was on its way has gone with the connection");
  answers.expect(() => undefined);
  pass(WAIT_MS);
  assert.equal(reconnects.length, 2);
});

test("CLT-45: answers go to whom they are for, once, and those of an ended connection to nobody", () => {
  const told: number[] = [];
  const [first, second, third] = [1, 2, 3].map((place) => answers.expect(() => told.push(place)));
  reject(second!);
  reject(first!);
  reject(first!);
  answers.clear();
  reject(third!);
  assert.deepEqual(told, [2, 1]);
});

test("CLT-45: an answered request ends no connection, nor does the one after it before its time", () => {
  const first = answers.expect(() => undefined);
  reject(first);
  pass(WAIT_MS - 1);
  const second = answers.expect(() => undefined);
  pass(1);
  assert.deepEqual(reconnects, []);
  pass(WAIT_MS - 1);
  reject(second);
  pass(1);
  assert.deepEqual([reconnects, timers], [[], []], "no timer is left when nothing waits");
});

test("CLT-45: ten thousand requests have one timer, and a server that is slow with them is not cut off", () => {
  const ids = Array.from({ length: 10_000 }, () => answers.expect(() => undefined));
  for (const [place, requestId] of ids.entries()) {
    reject(requestId);
    if (place % 100 === 99) pass(WAIT_MS - 1);
  }
  assert.deepEqual([reconnects, mostTimers], [[], 1]);
});

test("CLT-45: answers to later requests do not excuse the one that is missing", () => {
  answers.expect(() => undefined);
  for (let elapsedMs = 0; elapsedMs < WAIT_MS; elapsedMs += 1000) {
    reject(answers.expect(() => undefined));
    pass(1000);
  }
  assert.deepEqual(codesOf(reconnects), ["CLIENT_SERVER_SILENT"]);
});
