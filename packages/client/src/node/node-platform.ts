import { createHash } from "node:crypto";
import { nodeProvider } from "@portcullis/mls/node";
import type { Platform } from "../platform.ts";
import { nodeRecords } from "./node-records.ts";
import { nodeTransport } from "./node-transport.ts";

/** Synchronous cryptography of node:crypto, and the `ws` package. */
export const nodePlatform: Platform = {
  cryptoProvider: nodeProvider,
  transport: nodeTransport,
  fetch: (...request) => fetch(...request),
  records: nodeRecords,
  sha256: () => {
    const hash = createHash("sha256");
    return {
      update: (bytes) => void hash.update(bytes),
      digest: () => new Uint8Array(hash.digest()),
    };
  },
};
