import { concatBytes, utf8 } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";

const SHA256 = 1;

/**
 * What is hashed for a MIMI message id, by which `replaces` and `inReplyTo` name a message. `content` is the encoded
 * content, `salt` its salt. draft-ietf-mimi-content, "Message ID".
 * @throws ProtocolError DECODE_LENGTH when a URI is longer than 65535 bytes
 */
export function mimiMessageIdInput(input: {
  readonly senderUri: string;
  readonly roomUri: string;
  readonly content: Uint8Array;
  readonly salt: Uint8Array;
}): Uint8Array {
  return concatBytes(prefixed(input.senderUri), prefixed(input.roomUri), input.content, input.salt);
}

/** The 32-byte id: the hash algorithm's number, then the first 31 bytes of the hash. `hash`: SHA-256 of the input. */
export function mimiMessageId(hash: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(SHA256), hash.subarray(0, 31));
}

function prefixed(uri: string): Uint8Array {
  const bytes = utf8(uri);
  if (bytes.length > 0xffff) throw new ProtocolError("DECODE_LENGTH", { what: "MIMI URI" });
  return concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes);
}
