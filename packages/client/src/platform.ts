import { sha256Stream } from "@portcullis/crypto";
import { webCryptoProvider, type CryptoProvider, type Eventually } from "@portcullis/mls";
import { concatBytes } from "@portcullis/protocol";
import type { Fetch } from "./server/server-api.ts";
import { webTransport, type Transport } from "./server/transport.ts";

/** What differs between a browser and Node. */
export interface Platform {
  readonly cryptoProvider: CryptoProvider;
  readonly transport: Transport;
  readonly fetch: Fetch;
  /** For attachments. */
  readonly records: RecordAead;
  /** SHA-256 of what comes in pieces. */
  readonly sha256: () => Hasher;
}

/**
 * AES-128-GCM without associated data. What is sealed, and what comes out, is in pieces that stand one after the other:
 * copying would take longer than sealing.
 */
export interface RecordAead {
  /** The tag is at the end. */
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: readonly Uint8Array[]): Eventually<Uint8Array[]>;
  /** Throws anything when the tag is wrong. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: readonly Uint8Array[]): Eventually<Uint8Array[]>;
}

/** Of one sequence of bytes. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** 32 bytes; nothing comes after that. */
  digest(): Uint8Array;
}

/** What every browser has. */
export const webPlatform: Platform = {
  cryptoProvider: webCryptoProvider,
  transport: webTransport,
  fetch: (...request) => fetch(...request),
  records: recordsOf(webCryptoProvider),
  sha256: () => sha256Stream(),
};

/** With primitives that take one piece. */
export function recordsOf({ primitives }: CryptoProvider): RecordAead {
  const nothing = new Uint8Array(0);
  return {
    seal: async (key, nonce, pieces) => [await primitives.seal(key, nonce, nothing, concatBytes(...pieces))],
    open: async (key, nonce, pieces) => [await primitives.open(key, nonce, nothing, concatBytes(...pieces))],
  };
}
