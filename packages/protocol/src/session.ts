import { encodeCbor } from "./cbor-encoder.ts";

/** What a subject signs to open a session: bound to one server (`provider`) and one challenge. `nonce`: 32 bytes. */
export function encodeSessionChallenge(provider: string, nonce: Uint8Array): Uint8Array {
  return encodeCbor(["portcullis/session/v1", provider, nonce]);
}
