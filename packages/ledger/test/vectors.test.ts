import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { merklePath, merkleRoot, signingKeyFromSeed, vrfKeyFromSeed } from "@portcullis/crypto";
import { asDeviceId, fromHex, toHex, utf8 } from "@portcullis/protocol";
import {
  addCheckpoint,
  cosignNoteText,
  formatAddCheckpoint,
  makeNoteSigner,
  signCheckpoint,
} from "@portcullis/ledger";
import {
  accountIdOf,
  commitToList,
  emptyIndex,
  extendIndex,
  identityEntry,
  proveLabel,
  rootOfIndex,
  signDeviceList,
} from "@portcullis/ledger/identity";
import { formatCheckpoint, formatTlogProof, verifyTlogProof } from "@portcullis/ledger/verify";

interface Vectors {
  given: {
    origin: string;
    logSeed: string;
    witnesses: { name: string; seed: string }[];
    entries: string[];
    cosignedAtMs: number;
    accountSeed: string;
    noticeKey: string;
    devices: { deviceId: string; signatureKey: string }[];
    salt: string;
    vrfSeed: string;
  };
  made: Record<string, string>;
}

const file = new URL("../../../vectors/ledger/portcullis.json", import.meta.url);
const { given, made } = JSON.parse(readFileSync(file, "utf8")) as Vectors;

const signingKey = (seed: string) => signingKeyFromSeed(fromHex(seed));
const log = makeNoteSigner({
  name: given.origin,
  algorithm: "ed25519",
  signingKey: signingKey(given.logSeed),
});
const witnesses = given.witnesses.map(({ name, seed }) =>
  makeNoteSigner({ name, algorithm: "cosignature/v1", signingKey: signingKey(seed) }),
);

function makeLog(): Record<string, string> {
  const entries = given.entries.map(utf8);
  const checkpoint = { origin: given.origin, size: entries.length, root: merkleRoot(entries) };
  const signed = signCheckpoint(log, checkpoint);
  const request = formatAddCheckpoint({ oldSize: 0, path: [], checkpoint: signed });
  const { answer } = addCheckpoint({
    request,
    latest: () => undefined,
    keys: [log.key],
    signer: witnesses[0]!,
    nowMs: given.cosignedAtMs,
  });
  const second = cosignNoteText(witnesses[1]!, formatCheckpoint(checkpoint), given.cosignedAtMs);
  const cosigned = signed + answer.body + second;
  return {
    logKey: log.key.text,
    witnessKeys: witnesses.map((it) => it.key.text).join("\n"),
    addCheckpointRequest: request,
    cosignedCheckpoint: cosigned,
    tlogProof: formatTlogProof({ index: 2, path: merklePath(entries, 2), checkpoint: cosigned }),
  };
}

function makeIdentity(): Record<string, string> {
  const key = signingKey(given.accountSeed);
  const signedList = signDeviceList(key, {
    accountId: accountIdOf(key.publicKey),
    accountKey: key.publicKey,
    noticeKey: fromHex(given.noticeKey),
    version: 1,
    devices: given.devices.map(({ deviceId, signatureKey }) => ({
      deviceId: asDeviceId(fromHex(deviceId)),
      signatureKey: fromHex(signatureKey),
    })),
  });
  const vrfKey = vrfKeyFromSeed(fromHex(given.vrfSeed));
  const { label, proof } = proveLabel(vrfKey, accountIdOf(key.publicKey));
  const commitment = commitToList(fromHex(given.salt), signedList);
  const opening = { kind: "device-list", label, version: 1, commitment } as const;
  const root = rootOfIndex(extendIndex(emptyIndex, opening));
  return {
    accountId: toHex(accountIdOf(key.publicKey)),
    signedDeviceList: toHex(signedList),
    vrfKey: toHex(vrfKey.publicKey),
    label: toHex(label),
    labelProof: toHex(proof),
    identityEntry: toHex(identityEntry(opening)),
    indexRoot: toHex(root.root),
    indexRootEntry: toHex(identityEntry(root)),
  };
}

test("LOG-01, IDN-02: everything in the vectors follows from the keys and entries in them", () => {
  assert.deepEqual({ ...makeLog(), ...makeIdentity() }, made);
});

test("LOG-09: the proof in the vectors is verified", () => {
  const policy = { log: log.key, witnesses: witnesses.map((it) => it.key), threshold: 2 };
  const entry = utf8(given.entries[2]!);
  assert.equal(verifyTlogProof({ proof: made["tlogProof"]!, entry, policy }).checkpoint.size, 5);
});
