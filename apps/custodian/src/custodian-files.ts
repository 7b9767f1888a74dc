import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeHeldShare, encodeHeldShare, type HeldShare } from "@portcullis/access";
import { signingKeyFromSeed, type SigningKey } from "@portcullis/crypto";
import { fromUtf8, toBase64Url, toHex, utf8, type OrderHash, type Random } from "@portcullis/protocol";
import { makeFolder, writeFileDurably } from "@portcullis/store/directory";
import { CustodianError } from "./errors.ts";

const SEED_BYTES = 32;
const TOKEN_BYTES = 32;
const NOTHING = new Uint8Array(0);

export interface CustodianFilesOptions {
  /** The data directory's path. */
  readonly path: string;
  readonly random: Random;
  /** Replaces a whole file durably; a test cuts the power here. */
  readonly write?: (path: string, bytes: Uint8Array) => void;
}

/**
 * Everything that a custodian keeps, one fact a file, each replaced whole and on disk before it is relied on. Trusted and
 * secret: whoever reads this folder holds the share; whoever can take it back in time can make the custodian forget
 * what it saw of the ledger.
 *
 *     identity-key, cosigner-key, admin-token
 *     state                 the custodian's state machine (access)
 *     signed/ID             a policy that the person signed
 *     ceremonies/CONTEXT    a ceremony that was begun, and is never begun again
 *     shares/KEYSET         a secret share
 *     refused/ORDER         an order that the person refused
 *     witness/              the latest checkpoints cosigned (ledger)
 */
export class CustodianFiles {
  readonly identityKey: SigningKey;
  readonly cosignerKey: SigningKey;
  readonly adminToken: string;
  readonly #path: string;
  readonly #write: (path: string, bytes: Uint8Array) => void;

  /** Makes keys and token on first start. @throws CustodianError CUSTODIAN_FILE */
  constructor({ path, random, write = writeFileDurably }: CustodianFilesOptions) {
    this.#path = path;
    this.#write = write;
    for (const folder of ["signed", "ceremonies", "shares", "refused"]) makeFolder(join(path, folder));
    this.identityKey = this.#signingKey("identity-key", random);
    this.cosignerKey = this.#signingKey("cosigner-key", random);
    this.adminToken = this.#token(random);
  }

  get witnessFolder(): string {
    return join(this.#path, "witness");
  }

  readState(): Uint8Array | undefined {
    return this.#read("state");
  }

  writeState(bytes: Uint8Array): void {
    this.#put("state", bytes);
  }

  noteSigned(policyId: Uint8Array): void {
    this.#put(`signed/${toHex(policyId)}`, NOTHING);
  }

  hasSigned(policyId: Uint8Array): boolean {
    return this.#has(`signed/${toHex(policyId)}`);
  }

  /** False when the ceremony began before. */
  claimCeremony(context: Uint8Array): boolean {
    const name = `ceremonies/${toHex(context)}`;
    if (this.#has(name)) return false;
    this.#put(name, NOTHING);
    return true;
  }

  keepShare(share: HeldShare): void {
    this.#put(`shares/${toHex(share.keysetId)}`, encodeHeldShare(share));
  }

  shares(): HeldShare[] {
    return readdirSync(join(this.#path, "shares"))
      .filter((name) => !name.endsWith(".new"))
      .map((name) => decodeHeldShare(this.#read(`shares/${name}`) ?? NOTHING));
  }

  noteRefused(orderHash: OrderHash): void {
    this.#put(`refused/${toHex(orderHash)}`, NOTHING);
  }

  hasRefused(orderHash: OrderHash): boolean {
    return this.#has(`refused/${toHex(orderHash)}`);
  }

  #has(name: string): boolean {
    return existsSync(join(this.#path, name));
  }

  #read(name: string): Uint8Array | undefined {
    return this.#has(name) ? new Uint8Array(readFileSync(join(this.#path, name))) : undefined;
  }

  #put(name: string, bytes: Uint8Array): void {
    this.#write(join(this.#path, name), bytes);
  }

  #signingKey(name: string, random: Random): SigningKey {
    if (!this.#has(name)) this.#put(name, random(SEED_BYTES));
    const seed = this.#read(name);
    if (seed?.length !== SEED_BYTES) throw new CustodianError("CUSTODIAN_FILE", { file: name });
    return signingKeyFromSeed(seed);
  }

  #token(random: Random): string {
    const name = "admin-token";
    if (!this.#has(name)) this.#put(name, utf8(toBase64Url(random(TOKEN_BYTES))));
    const token = fromUtf8(this.#read(name) ?? NOTHING).trim();
    if (!/^[A-Za-z0-9_-]{43}$/.test(token)) throw new CustodianError("CUSTODIAN_FILE", { file: name });
    return token;
  }
}
