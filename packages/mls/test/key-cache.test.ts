import assert from "node:assert/strict";
import { createSecretKey, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { KeyCache } from "../src/node/key-cache.ts";

test("MLS-44: a key is imported once while it is in use, and the cache does not grow", () => {
  const loaded: number[] = [];
  const cache = new KeyCache(2, (raw): KeyObject => {
    loaded.push(raw[0] ?? 0);
    return createSecretKey(raw);
  });
  for (const name of [1, 2, 1, 3, 1, 2]) cache.get(Uint8Array.of(name));
  assert.deepEqual(loaded, [1, 2, 3, 2]);
  assert.equal(cache.size, 2);
  assert.equal(cache.get(Uint8Array.of(0, 2).subarray(1)), cache.get(Uint8Array.of(2)));
});
