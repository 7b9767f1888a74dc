import { nodeProvider } from "@portcullis/mls/node";
import type { Platform } from "../platform.ts";
import { nodeTransport } from "./node-transport.ts";

/** Synchronous cryptography of node:crypto, and the `ws` package. */
export const nodePlatform: Platform = {
  cryptoProvider: nodeProvider,
  transport: nodeTransport,
  fetch: (...request) => fetch(...request),
};
