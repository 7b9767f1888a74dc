import { webCryptoProvider, type CryptoProvider } from "@portcullis/mls";
import type { Fetch } from "./server/server-api.ts";
import { webTransport, type Transport } from "./server/transport.ts";

/** What differs between a browser and Node. */
export interface Platform {
  readonly cryptoProvider: CryptoProvider;
  readonly transport: Transport;
  readonly fetch: Fetch;
}

/** What every browser has. */
export const webPlatform: Platform = {
  cryptoProvider: webCryptoProvider,
  transport: webTransport,
  fetch: (...request) => fetch(...request),
};
