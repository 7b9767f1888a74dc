import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { merklePath, merkleRoot, sha256, sign, signingKeyFromSeed } from "@portcullis/crypto";
import {
  asDeviceId,
  decodeCbor,
  encodeCbor,
  equalBytes,
  PortcullisError,
  utf8,
  type CborValue,
} from "@portcullis/protocol";
import { assertDecoder, seededRandom } from "@portcullis/testkit";
import {
  accountIdOf,
  commitToList,
  decodeDeviceProof,
  decodeIdentityOpening,
  deviceOf,
  encodeDeviceProof,
  encodeIdentityOpening,
  identityEntry,
  MAXIMUM_DEVICES,
  signDeviceList,
  verifyDeviceList,
  verifyDeviceProof,
  verifySuccession,
  type DeviceList,
} from "@portcullis/ledger/identity";
import { formatTlogProof } from "@portcullis/ledger/verify";
import { makeEntries, ORIGIN, policyOf, signedBy, witnesses } from "./log-fixtures.ts";

const random = seededRandom("identity");
const accountKey = signingKeyFromSeed(sha256(utf8("account")));
const makeDevice = () => ({ deviceId: asDeviceId(random(16)), signatureKey: random(32) });
const first: DeviceList = {
  accountId: accountIdOf(accountKey.publicKey),
  accountKey: accountKey.publicKey,
  noticeKey: random(32),
  version: 1,
  devices: [makeDevice(), makeDevice()],
};
const signed = signDeviceList(accountKey, first);

/** The list inside with some fields changed, signed by the account all the same. */
function forge(change: (fields: CborValue[]) => void): Uint8Array {
  const [version, bytes] = decodeCbor(signed, "test") as [string, Uint8Array];
  const fields = [...(decodeCbor(bytes, "test") as CborValue[])];
  change(fields);
  const changed = encodeCbor(fields);
  return encodeCbor([version, changed, sign(accountKey, changed)]);
}

test("IDN-01: an account is named by its key", () => {
  assert.equal(accountIdOf(accountKey.publicKey).length, 32);
  assert.deepEqual(
    accountIdOf(accountKey.publicKey),
    sha256(encodeCbor(["portcullis/account/v1", accountKey.publicKey])),
  );
  const other = signingKeyFromSeed(sha256(utf8("other")));
  assert.throws(() => signDeviceList(other, first), { code: "IDENTITY_ACCOUNT" });
  const mixed = { ...first, accountKey: other.publicKey };
  assert.throws(() => signDeviceList(other, mixed), { code: "IDENTITY_ACCOUNT" });
});

test("IDN-02: a list is read back with its devices in order; another key's signature is refused", () => {
  const list = verifyDeviceList(signed);
  assert.deepEqual(list.accountId, first.accountId);
  assert.deepEqual(list.noticeKey, first.noticeKey);
  assert.deepEqual(list.hash, sha256(signed));
  for (const device of first.devices) assert.deepEqual(deviceOf(list, device.deviceId), device);
  assert.equal(deviceOf(list, random(16)), undefined);
  const [version, bytes] = decodeCbor(signed, "test") as [string, Uint8Array];
  const stranger = signingKeyFromSeed(sha256(utf8("stranger")));
  assert.throws(() => verifyDeviceList(encodeCbor([version, bytes, sign(stranger, bytes)])), {
    code: "IDENTITY_SIGNATURE",
  });
  assertDecoder(signed, verifyDeviceList, (list) => signDeviceList(accountKey, list));
});

test("IDN-02: no byte of a signed list can be changed", () => {
  fc.assert(
    fc.property(fc.nat(signed.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      assert.throws(() => verifyDeviceList(signed.with(at, signed[at]! ^ flip)), PortcullisError);
    }),
    { numRuns: 60 },
  );
});

test("IDN-03: devices twice, keys twice, out of order, or too many are refused", () => {
  const [a, b] = first.devices as [DeviceList["devices"][0], DeviceList["devices"][0]];
  const refused = (devices: DeviceList["devices"]): void => {
    assert.throws(() => signDeviceList(accountKey, { ...first, devices }), { code: "IDENTITY_DEVICES" });
  };
  refused([a, a]);
  refused([a, { ...b, signatureKey: a.signatureKey }]);
  refused([a, { ...b, deviceId: a.deviceId }]);
  refused(Array.from({ length: MAXIMUM_DEVICES + 1 }, makeDevice));
  const most = { ...first, devices: Array.from({ length: MAXIMUM_DEVICES }, makeDevice) };
  assert.equal(verifyDeviceList(signDeviceList(accountKey, most)).devices.length, MAXIMUM_DEVICES);
  const reversed = forge((fields) => (fields[4] = (fields[4] as CborValue[]).toReversed()));
  assert.throws(() => verifyDeviceList(reversed), { code: "IDENTITY_DEVICES" });
  assert.throws(() => verifyDeviceList(new Uint8Array(5000)), { code: "DECODE_LENGTH" });
});

test("IDN-04: version 1 has no previous list, later ones have one, none is 0", () => {
  const hash = new Uint8Array(32);
  assert.throws(() => signDeviceList(accountKey, { ...first, previous: hash }), { code: "IDENTITY_VERSION" });
  assert.throws(() => signDeviceList(accountKey, { ...first, version: 2 }), { code: "IDENTITY_VERSION" });
  assert.throws(() => signDeviceList(accountKey, { ...first, version: 0 }), { code: "IDENTITY_VERSION" });
  assert.throws(() => verifyDeviceList(forge((fields) => (fields[5] = hash))), { code: "IDENTITY_VERSION" });
  assert.throws(() => verifyDeviceList(forge((fields) => (fields[3] = 2))), { code: "IDENTITY_VERSION" });
});

test("IDN-05: the next version is one higher, of the same account, and names the list before", () => {
  const known = verifyDeviceList(signed);
  const successor = (change: Partial<DeviceList>, key = accountKey) =>
    verifyDeviceList(
      signDeviceList(key, {
        ...first,
        version: 2,
        previous: known.hash,
        devices: [first.devices[0]!],
        ...change,
      }),
    );
  const next = successor({});
  assert.equal(verifySuccession(known, next), next);
  const refused = (list: ReturnType<typeof successor>): void => {
    assert.throws(() => verifySuccession(known, list), { code: "IDENTITY_SUCCESSION" });
  };
  refused(known);
  refused(successor({ version: 3 }));
  refused(successor({ previous: new Uint8Array(32) }));
  const other = signingKeyFromSeed(sha256(utf8("other")));
  const account = { accountKey: other.publicKey, accountId: accountIdOf(other.publicKey) };
  refused(successor(account, other));
  assert.throws(() => verifySuccession(next, known), { code: "IDENTITY_SUCCESSION" }, "backwards");
});

test("IDN-06: the log's entry is 32 bytes of which label, version and commitment are told, and nobody's account", () => {
  const [salt, other, label] = [random(32), random(32), random(32)];
  const commitment = commitToList(salt, signed);
  assert.deepEqual(commitment, sha256(encodeCbor(["portcullis/list-commitment/v1", salt, signed])));
  assert.ok(!equalBytes(commitment, commitToList(other, signed)));
  const opening = { kind: "device-list", label, version: 3, commitment } as const;
  const bytes = encodeCbor(["portcullis/identity/v2", label, 3, commitment]);
  assert.deepEqual(encodeIdentityOpening(opening), bytes);
  assert.deepEqual(identityEntry(opening), sha256(bytes));
  assertDecoder(bytes, decodeIdentityOpening, encodeIdentityOpening);
});

test("IDN-07: a device proof holds only for the list, the salt, the label and the log that it was made for", () => {
  const [salt, label] = [random(32), random(32)];
  const commitment = commitToList(salt, signed);
  const entries = [...makeEntries(4), identityEntry({ kind: "device-list", label, version: 1, commitment })];
  const checkpoint = signedBy({ origin: ORIGIN, size: 5, root: merkleRoot(entries) }, witnesses.slice(0, 2));
  const proof = {
    signedList: signed,
    salt,
    label,
    proof: formatTlogProof({ index: 4, path: merklePath(entries, 4), checkpoint }),
  };
  const proven = verifyDeviceProof(proof, policyOf(2));
  assert.equal(proven.index, 4);
  assert.equal(proven.checkpoint.size, 5);
  assert.equal(proven.devices.length, 2);
  const unlogged = signDeviceList(accountKey, { ...first, devices: [] });
  for (const change of [{ salt: random(32) }, { label: random(32) }, { signedList: unlogged }])
    assert.throws(() => verifyDeviceProof({ ...proof, ...change }, policyOf(2)), {
      code: "LEDGER_INCLUSION",
    });
  assert.throws(() => verifyDeviceProof(proof, policyOf(3)), { code: "LEDGER_WITNESS_QUORUM" });
  assertDecoder(encodeDeviceProof(proof), decodeDeviceProof, encodeDeviceProof);
});
