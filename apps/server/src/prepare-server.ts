import { randomBytes } from "node:crypto";
import { openDataDirectory } from "@portcullis/store/directory";
import { loadKeys } from "./server-keys.ts";

export interface PreparedServer {
  /** Verifier keys of the two logs, as lines. */
  readonly accessLog: string;
  readonly identityLog: string;
  /** 32 bytes: proves whose a label in the identity log is. */
  readonly vrfKey: Uint8Array;
  /** 32 bytes. */
  readonly frankingKey: Uint8Array;
  readonly operatorToken: string;
  readonly registrationToken: string;
}

/**
 * Makes a server's data directory and keys without starting it: witnesses must know the logs before the server can ask
 * them. Does nothing to what is there already.
 */
export function prepareServer(options: {
  readonly dataDirectory: string;
  readonly provider: string;
  readonly demonstrationClock?: string;
}): PreparedServer {
  const { dataDirectory, provider, demonstrationClock } = options;
  using directory = openDataDirectory(dataDirectory, {
    program: "server",
    ...(demonstrationClock !== undefined && { demonstration: { clockFile: demonstrationClock } }),
  });
  const keys = loadKeys(directory, provider, (length) => new Uint8Array(randomBytes(length)));
  return {
    accessLog: keys.accessLog.key.text,
    identityLog: keys.identityLog.key.text,
    vrfKey: keys.vrf.publicKey,
    frankingKey: keys.franks.signing.publicKey,
    operatorToken: keys.operatorToken,
    registrationToken: keys.registrationToken,
  };
}
