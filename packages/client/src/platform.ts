import { sha256Stream } from "@portcullis/crypto";
import { webCryptoProvider, type CryptoProvider } from "@portcullis/mls";
import type { Fetch } from "./server/server-api.ts";
import { webTransport, type Transport } from "./server/transport.ts";

/** What differs between a browser and Node. */
export interface Platform {
  readonly cryptoProvider: CryptoProvider;
  readonly transport: Transport;
  readonly fetch: Fetch;
  /** SHA-256 of what comes in pieces. */
  readonly sha256: () => Hasher;
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
  sha256: () => sha256Stream(),
};
