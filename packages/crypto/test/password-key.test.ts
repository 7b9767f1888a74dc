import assert from "node:assert/strict";
import { argon2Sync } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromHex, toHex, utf8 } from "@portcullis/protocol";
import { PASSWORD_KEY_COST, passwordKey } from "../src/index.ts";

interface Vector {
  readonly password: string;
  readonly salt: string;
  readonly key: string;
}
const file = new URL("../../../vectors/password-key/argon2id.json", import.meta.url);
const { passes, memoryKiB, vectors } = JSON.parse(readFileSync(file, "utf8")) as {
  readonly passes: number;
  readonly memoryKiB: number;
  readonly vectors: readonly Vector[];
};

for (const { password, salt, key } of vectors)
  test(`ACN-21: passwordKey of ${password.length / 2} bytes gives the vector, and OpenSSL's Argon2id the same`, () => {
    assert.equal(toHex(passwordKey(fromHex(password), fromHex(salt))), key);
    const second = argon2Sync("argon2id", {
      message: fromHex(password),
      nonce: fromHex(salt),
      parallelism: 1,
      tagLength: 32,
      memory: memoryKiB,
      passes,
    });
    assert.equal(toHex(new Uint8Array(second)), key);
  });

test("ACN-21: the cost is that of the vectors", () => {
  assert.deepEqual(PASSWORD_KEY_COST, { passes, memoryKiB });
});

test("a salt of another length is refused", () => {
  assert.throws(() => passwordKey(utf8("code"), new Uint8Array(15)), { code: "CRYPTO_LENGTH" });
});
