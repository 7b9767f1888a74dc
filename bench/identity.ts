import {
  merklePath,
  merkleRoot,
  proveVrf,
  sha256,
  sign,
  signingKeyFromSeed,
  verifySignature,
  vrfKeyFromSeed,
} from "@portcullis/crypto";
import { cosignNoteText, makeNoteSigner, signCheckpoint } from "@portcullis/ledger";
import {
  accountIdOf,
  answerLookup,
  commitToList,
  decodeLookup,
  emptyIndex,
  encodeLookup,
  extendIndex,
  identityEntry,
  proveLabel,
  rootOfIndex,
  signDeviceList,
  verifyLookup,
  type IdentityOpening,
} from "@portcullis/ledger/identity";
import { formatCheckpoint, formatTlogProof, type WitnessPolicy } from "@portcullis/ledger/verify";
import { asDeviceId, utf8, type AccountId } from "@portcullis/protocol";
import { ratesPerCpuSecond } from "./rate.ts";

const ACCOUNTS = 1000;
const DEVICES = 3;
const SIGNATURES = 30;
const COSIGNED_AT_MS = 1_700_000_000_000;

const seed = (name: string): Uint8Array => sha256(utf8(name));
const keyOf = (name: string) => signingKeyFromSeed(seed(name));

function makeAccount(number: number) {
  const key = keyOf(`account ${number}`);
  const accountId = accountIdOf(key.publicKey);
  const devices = Array.from({ length: DEVICES }, (_, i) => ({
    deviceId: asDeviceId(seed(`device id ${number}/${i}`).slice(0, 16)),
    signatureKey: seed(`device ${number}/${i}`),
  }));
  const about = { accountId, accountKey: key.publicKey, noticeKey: seed("notice"), version: 1, devices };
  return { accountId, signedList: signDeviceList(key, about), salt: seed(`salt ${number}`) };
}

/** A lookup under two witnesses, found or absent, in an index of so many accounts. */
function makeLookup() {
  const vrf = vrfKeyFromSeed(seed("vrf"));
  const accounts = Array.from({ length: ACCOUNTS }, (_, number) => makeAccount(number));
  let index = emptyIndex;
  const openings = accounts.map(({ accountId, salt, signedList }): IdentityOpening => {
    const { label } = proveLabel(vrf, accountId);
    return { kind: "device-list", label, version: 1, commitment: commitToList(salt, signedList) };
  });
  for (const opening of openings) index = extendIndex(index, opening);
  const root = rootOfIndex(index);
  const entries = [...openings, root].map((opening) => identityEntry(opening));
  const log = makeNoteSigner({
    name: "bench.example/identity",
    algorithm: "ed25519",
    signingKey: keyOf("log"),
  });
  const witnesses = ["w1", "w2"].map((name) =>
    makeNoteSigner({ name: `${name}.example`, algorithm: "cosignature/v1", signingKey: keyOf(name) }),
  );
  const checkpoint = { origin: log.key.name, size: entries.length, root: merkleRoot(entries) };
  const text = formatCheckpoint(checkpoint);
  const cosignatures = witnesses.map((witness) => cosignNoteText(witness, text, COSIGNED_AT_MS));
  const note = signCheckpoint(log, checkpoint) + cosignatures.join("");
  const proof = formatTlogProof({ index: ACCOUNTS, path: merklePath(entries, ACCOUNTS), checkpoint: note });
  const policy: WitnessPolicy = { log: log.key, witnesses: witnesses.map(({ key }) => key), threshold: 2 };
  const lookUp = (accountId: AccountId, opened?: (typeof accounts)[number]): Uint8Array =>
    encodeLookup({
      proof,
      root: root.root,
      answers: [answerLookup(index, proveLabel(vrf, accountId), opened)],
    });
  const [someone] = accounts as [(typeof accounts)[number]];
  const stranger = makeAccount(ACCOUNTS).accountId;
  return { vrf, policy, someone, found: lookUp(someone.accountId, someone), absent: lookUp(stranger) };
}

/** What a lookup weighs, and its verification against so many plain Ed25519 verifications in the same run. */
export async function benchIdentity(print: (line: string) => void): Promise<void> {
  const { vrf, policy, someone, found, absent } = makeLookup();
  print(
    `identity lookup at ${ACCOUNTS} accounts of ${DEVICES} devices, 2 witnesses: ` +
      `${found.length} bytes, absence ${absent.length} bytes`,
  );
  const key = keyOf("plain");
  const message = seed("message");
  const signature = sign(key, message);
  const accounts = [someone.accountId];
  const { plain, lookup, prove } = await ratesPerCpuSecond({
    plain: () => verifySignature(key.publicKey, message, signature),
    lookup: () => verifyLookup({ lookup: decodeLookup(found), accounts, vrfKey: vrf.publicKey, policy }),
    prove: () => proveVrf(vrf, someone.accountId),
  });
  const against = (rate: number): string => (plain / SIGNATURES / rate).toFixed(2);
  print(
    `identity lookup, verified: ${against(lookup)} x the CPU of ${SIGNATURES} Ed25519 verifications ` +
      `(${(1000 / lookup).toFixed(2)} ms)`,
  );
  print(`identity label, proven: ${against(prove)} x the same`);
}
