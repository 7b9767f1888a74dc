import assert from "node:assert/strict";
import { test } from "node:test";
import { hmacSha256 } from "@portcullis/crypto";
import { toHex, utf8 } from "@portcullis/protocol";
import { assertDecoder, seededRandom } from "@portcullis/testkit";
import fc from "fast-check";
import { advanceChain, chainSeed, decodeChain, encodeChain, startChain } from "../src/bucket-chain.ts";
import { BUCKET } from "./foundation.ts";

const start = () => startChain(seededRandom("chain")(32), BUCKET, 900);
const DAY = 86_400;

test("ACC-34: a chain has one encoding, and nothing else decodes", () => {
  assertDecoder(encodeChain(start()), decodeChain, encodeChain);
});

test("ACC-35: every member gets the same seed for a bucket, however far its chain has moved", () => {
  fc.assert(
    fc.property(fc.nat(20), fc.nat(20), (stop, ahead) => {
      const bucket = BUCKET + (stop + ahead) * 900;
      assert.deepEqual(
        chainSeed(advanceChain(start(), BUCKET + stop * 900), bucket),
        chainSeed(start(), bucket),
      );
    }),
    { numRuns: 60 },
  );
});

test("ACC-35: the seeds are those that the specification says", () => {
  const c0 = seededRandom("chain")(32);
  const c1 = hmacSha256(c0, utf8("portcullis/bucket-next/v1"));
  assert.deepEqual(chainSeed(start(), BUCKET + 900), hmacSha256(c1, utf8("portcullis/bucket-seed/v1")));
  assert.deepEqual(advanceChain(start(), BUCKET + 900).secret, c1);
});

test("ACC-35, A9: a dumped chain derives no bucket that is closed", () => {
  const dumped = decodeChain(encodeChain(advanceChain(start(), BUCKET + 3 * 900)));
  for (const closed of [BUCKET, BUCKET + 900, BUCKET + 1800]) {
    assert.throws(() => chainSeed(dumped, closed), { code: "BUCKET_ERASED" });
    assert.throws(() => advanceChain(dumped, closed), { code: "BUCKET_ERASED" });
  }
  const bytes = toHex(encodeChain(dumped));
  for (let step = 0; step < 3; step++) {
    const behind = advanceChain(start(), BUCKET + step * 900);
    assert.ok(!bytes.includes(toHex(behind.secret)));
    assert.ok(!bytes.includes(toHex(chainSeed(behind, behind.bucketStart))));
  }
});

test("ACC-35, A9: a bucket's seed is not the chain, so that it yields no later bucket", () => {
  const seed = chainSeed(start(), BUCKET);
  assert.notDeepEqual(seed, start().secret);
  assert.notDeepEqual(
    chainSeed(startChain(seed, BUCKET, 900), BUCKET + 900),
    chainSeed(start(), BUCKET + 900),
  );
});

test("ACC-36, A6: a walk ends within the longest epoch and on a bucket's edge", () => {
  assert.equal(chainSeed(start(), BUCKET + 7 * DAY).length, 32);
  for (const bucket of [BUCKET + 7 * DAY + 900, Number.MAX_SAFE_INTEGER - 7])
    assert.throws(() => chainSeed(start(), bucket), { code: "BUCKET_TOO_FAR" });
  assert.throws(() => chainSeed(start(), BUCKET + 450), { code: "LABEL_BUCKET" });
});

test("advancing leaves the old chain whole until the new one is stored", () => {
  const chain = start();
  advanceChain(chain, BUCKET + 900);
  assert.deepEqual(chain, start());
});
