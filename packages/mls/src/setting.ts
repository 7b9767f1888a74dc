import type { Clock, Random } from "@portcullis/protocol";
import type { CiphersuiteImpl, ClientConfig } from "ts-mls";
import type { MlsDevice } from "./engine.ts";
import type { Primitives } from "./provider.ts";

/** What every group of one device shares. */
export interface Setting {
  readonly primitives: Primitives;
  readonly cipherSuite: CiphersuiteImpl;
  readonly clientConfig: ClientConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly device: MlsDevice;
}
