import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { signingKeyFromSeed, vrfKeyFromSeed, type VrfKey } from "@portcullis/crypto";
import { makeNoteSigner, type NoteSigner } from "@portcullis/ledger";
import { toBase64Url, utf8, type Random } from "@portcullis/protocol";
import { writeFileDurably, type DataDirectory } from "@portcullis/store/directory";
import type { FrankKeys } from "./delivery/franks.ts";

/**
 * The server's own secrets, made at the first start, each in a file that only its user can read. None of them opens
 * content: whoever has them can vouch for messages that never were and fork the logs (which witnesses then show).
 */
export interface ServerKeys {
  readonly franks: FrankKeys;
  readonly accessLog: NoteSigner;
  readonly identityLog: NoteSigner;
  /** Tells accounts from labels in the identity log; its public part is in every trust configuration. */
  readonly vrf: VrfKey;
  /** For the desk. */
  readonly operatorToken: string;
  /** Whoever has it may make an account. */
  readonly registrationToken: string;
}

const SECRET_BYTES = 32;

export function loadKeys(directory: DataDirectory, provider: string, random: Random): ServerKeys {
  const folder = directory.folder("keys");
  const secret = (name: string): Uint8Array => {
    const path = join(folder, name);
    if (!existsSync(path)) writeFileDurably(path, random(SECRET_BYTES));
    return new Uint8Array(readFileSync(path));
  };
  const token = (name: string): string => {
    const path = directory.file(name);
    if (!existsSync(path)) writeFileDurably(path, utf8(`${toBase64Url(random(SECRET_BYTES))}\n`));
    return readFileSync(path, "utf8").trim();
  };
  const logSigner = (origin: "access" | "identity"): NoteSigner =>
    makeNoteSigner({
      name: `${provider}/${origin}`,
      algorithm: "ed25519",
      signingKey: signingKeyFromSeed(secret(`${origin}-log`)),
    });
  return {
    franks: { signing: signingKeyFromSeed(secret("franking")), mac: secret("frank-mac") },
    accessLog: logSigner("access"),
    identityLog: logSigner("identity"),
    vrf: vrfKeyFromSeed(secret("identity-vrf")),
    operatorToken: token("operator-token"),
    registrationToken: token("registration-token"),
  };
}
