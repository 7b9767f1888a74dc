import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, fromHex, toHex, utf8 } from "@portcullis/protocol";
import { generateHpkeKey, hpkeOpen, hpkeSeal } from "../src/hpke.ts";

test("opens the message of RFC 9180 appendix A.1.1", async () => {
  const opened = await hpkeOpen({
    privateKey: fromHex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"),
    publicKey: fromHex("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d"),
    info: fromHex("4f6465206f6e2061204772656369616e2055726e"),
    associatedData: fromHex("436f756e742d30"),
    sealed: concatBytes(
      fromHex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"),
      fromHex("f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"),
    ),
  });
  assert.equal(toHex(opened), "4265617574792069732074727574682c20747275746820626561757479");
});

test("opens under the right key, info and associated data, and under no others", async () => {
  const key = await generateHpkeKey();
  const other = await generateHpkeKey();
  const bound = { info: utf8("info"), associatedData: utf8("associated data") };
  const plaintext = utf8("a batch of shares");
  const sealed = await hpkeSeal({ publicKey: key.publicKey, ...bound, plaintext });
  assert.equal(sealed.length, 32 + plaintext.length + 16);
  assert.deepEqual(await hpkeOpen({ ...key, ...bound, sealed }), plaintext);
  const refused = { code: "HPKE_OPEN" };
  await assert.rejects(hpkeOpen({ ...other, ...bound, sealed }), refused);
  await assert.rejects(hpkeOpen({ ...key, ...bound, info: utf8("inf"), sealed }), refused);
  await assert.rejects(hpkeOpen({ ...key, ...bound, associatedData: utf8("other"), sealed }), refused);
  for (const at of [0, 31, 32, sealed.length - 1]) {
    const changed = sealed.map((byte, i) => (i === at ? byte ^ 1 : byte));
    await assert.rejects(hpkeOpen({ ...key, ...bound, sealed: changed }), refused);
  }
  for (const length of [0, 31, 32, 47])
    await assert.rejects(hpkeOpen({ ...key, ...bound, sealed: sealed.slice(0, length) }), refused);
});

test("keys of the wrong length and of small order are refused", async () => {
  const rest = { info: utf8(""), associatedData: utf8(""), plaintext: utf8("x") };
  for (const publicKey of [new Uint8Array(31), new Uint8Array(33), new Uint8Array(32)])
    await assert.rejects(hpkeSeal({ publicKey, ...rest }), { code: "HPKE_KEY" });
});
