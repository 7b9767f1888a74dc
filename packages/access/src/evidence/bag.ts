import { sha256, sign, verifySignature, type SigningKey } from "@portcullis/crypto";
import {
  concatBytes,
  equalBytes,
  fromBase64Url,
  fromUtf8,
  PortcullisError,
  toBase64Url,
  toHex,
  utf8,
} from "@portcullis/protocol";
import { EvidenceError } from "./errors.ts";

/** Files by path, with forward slashes. */
export type Files = ReadonlyMap<string, Uint8Array>;

const BAGIT = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
const MANIFEST = "manifest-sha256.txt";
const TAG_MANIFEST = "tagmanifest-sha256.txt";
const SIGNATURE = "tagmanifest-sha256.txt.sig";
const TAGS = ["bag-info.txt", "bagit.txt", MANIFEST];
const PAYLOAD = "data/";
const SIGNED = utf8("portcullis/evidence/v1\n");
const DATE = /^Bagging-Date: ([0-9]{4}-[0-9]{2}-[0-9]{2})$/m;

/** What describes a bag. `date`: the UTC day of bagging, as in 1970-04-14. */
export interface BagInfo {
  readonly date: string;
  readonly identifier: string;
}

/** A BagIt bag (RFC 8493) in the one form that verification takes, its tag manifest signed. */
export function writeBag(payload: Files, info: BagInfo, key: SigningKey): Map<string, Uint8Array> {
  const bag = unsignedBag(payload, info);
  const tagManifest = bag.get(TAG_MANIFEST) as Uint8Array;
  const signature = sign(key, concatBytes(SIGNED, tagManifest));
  return bag.set(SIGNATURE, utf8(`${toBase64Url(signature)}\n`));
}

function unsignedBag(payload: Files, info: BagInfo): Map<string, Uint8Array> {
  const bag = new Map(payload);
  bag.set("bagit.txt", utf8(BAGIT));
  bag.set("bag-info.txt", utf8(formatInfo(payload, info)));
  bag.set(MANIFEST, manifest(payload));
  bag.set(TAG_MANIFEST, manifest(new Map(TAGS.map((path) => [path, bag.get(path) as Uint8Array]))));
  return bag;
}

function formatInfo(payload: Files, { date, identifier }: BagInfo): string {
  const octets = [...payload.values()].reduce((sum, bytes) => sum + bytes.length, 0);
  return [
    "Bag-Software-Agent: Portcullis",
    `Bagging-Date: ${date}`,
    "External-Description: What an order opened, and all that proves it",
    `External-Identifier: ${identifier}`,
    `Payload-Oxum: ${octets}.${payload.size}`,
    "",
  ].join("\n");
}

function manifest(files: Files): Uint8Array {
  const paths = [...files.keys()].toSorted();
  return utf8(paths.map((path) => `${toHex(sha256(files.get(path) as Uint8Array))}  ${path}\n`).join(""));
}

/**
 * The payload of a bag, if the bag is whole: no file more, none less, none changed since the tag manifest was made;
 * rules EVD-01 to EVD-03. Whose signature it bears is for verifyBagSignature.
 * @throws EvidenceError EVIDENCE_FILE_…, EVIDENCE_BAG
 */
export function readBag(files: Files): { payload: Files; date: string } {
  for (const path of [...TAGS, TAG_MANIFEST, SIGNATURE])
    if (!files.has(path)) throw new EvidenceError("EVIDENCE_FILE_MISSING", { rule: "EVD-01", path });
  requireListed(files, TAG_MANIFEST, "EVD-03");
  const payload = new Map([...files].filter(([path]) => path.startsWith(PAYLOAD)));
  requireListed(files, MANIFEST, "EVD-02");
  for (const path of files.keys())
    if (!payload.has(path) && ![...TAGS, TAG_MANIFEST, SIGNATURE].includes(path))
      throw new EvidenceError("EVIDENCE_FILE_ADDED", { rule: "EVD-01", path });
  return { payload, date: readDate(files.get("bag-info.txt") as Uint8Array) };
}

function requireListed(files: Files, manifestPath: string, rule: string): void {
  const listed = parseManifest(manifestPath, files.get(manifestPath) as Uint8Array, rule);
  for (const [path, hash] of listed) {
    const bytes = files.get(path);
    if (bytes === undefined) throw new EvidenceError("EVIDENCE_FILE_MISSING", { rule, path });
    if (toHex(sha256(bytes)) !== hash) throw new EvidenceError("EVIDENCE_FILE_CHANGED", { rule, path });
  }
  const expected =
    manifestPath === MANIFEST ? [...files.keys()].filter((path) => path.startsWith(PAYLOAD)) : TAGS;
  for (const path of expected)
    if (!listed.has(path)) throw new EvidenceError("EVIDENCE_FILE_ADDED", { rule, path });
}

function parseManifest(path: string, bytes: Uint8Array, rule: string): Map<string, string> {
  const listed = new Map<string, string>();
  for (const line of readText(path, bytes, rule).split("\n").slice(0, -1)) {
    const [, hash, name] = /^([0-9a-f]{64}) {2}([!-~]+)$/.exec(line) ?? [];
    if (hash === undefined || name === undefined) throw new EvidenceError("EVIDENCE_BAG", { rule, path });
    listed.set(name, hash);
  }
  return listed;
}

function readText(path: string, bytes: Uint8Array, rule: string): string {
  try {
    return fromUtf8(bytes);
  } catch {
    throw new EvidenceError("EVIDENCE_BAG", { rule, path });
  }
}

function readDate(bytes: Uint8Array): string {
  const date = DATE.exec(readText("bag-info.txt", bytes, "EVD-03"))?.[1];
  if (date === undefined) throw new EvidenceError("EVIDENCE_BAG", { rule: "EVD-03", path: "bag-info.txt" });
  return date;
}

/** Signed by the key that the order names; rule EVD-04. @throws EvidenceError EVIDENCE_SIGNATURE */
export function verifyBagSignature(files: Files, signingKey: Uint8Array): void {
  try {
    const text = fromUtf8(files.get(SIGNATURE) as Uint8Array);
    const signature = fromBase64Url(text.slice(0, -1));
    if (text !== `${toBase64Url(signature)}\n`)
      throw new EvidenceError("EVIDENCE_SIGNATURE", { rule: "EVD-04" });
    verifySignature(signingKey, concatBytes(SIGNED, files.get(TAG_MANIFEST) as Uint8Array), signature);
  } catch (error) {
    if (error instanceof PortcullisError) throw new EvidenceError("EVIDENCE_SIGNATURE", { rule: "EVD-04" });
    throw error;
  }
}

/** Every file is byte for byte the one that follows from the proofs; rule EVD-15. @throws EvidenceError EVIDENCE_DIFFERS, EVIDENCE_FILE_ADDED, EVIDENCE_FILE_MISSING */
export function requireSameBag(files: Files, payload: Files, info: BagInfo): void {
  const expected = unsignedBag(payload, info);
  for (const path of files.keys())
    if (!expected.has(path) && path !== SIGNATURE)
      throw new EvidenceError("EVIDENCE_FILE_ADDED", { rule: "EVD-15", path });
  for (const [path, bytes] of expected) {
    const found = files.get(path);
    if (found === undefined) throw new EvidenceError("EVIDENCE_FILE_MISSING", { rule: "EVD-15", path });
    if (!equalBytes(found, bytes)) throw new EvidenceError("EVIDENCE_DIFFERS", { rule: "EVD-15", path });
  }
}
