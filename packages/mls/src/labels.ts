import { concatBytes, utf8 } from "@portcullis/protocol";
import { HASH_BYTES, type Eventually, type Primitives } from "./provider.ts";
import { opaque, uint16, uint32 } from "./tls.ts";

const NOTHING = new Uint8Array();
const encodedLabels = new Map<string, Uint8Array>();

/** opaque label<V> = "MLS 1.0 " + label, encoded once. */
function encodeLabel(label: string): Uint8Array {
  let encoded = encodedLabels.get(label);
  if (encoded === undefined) {
    encoded = opaque(utf8(`MLS 1.0 ${label}`));
    encodedLabels.set(label, encoded);
  }
  return encoded;
}

/** RFC 9420 section 8. */
export function expandWithLabel(
  primitives: Primitives,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Eventually<Uint8Array> {
  return primitives.expand(secret, concatBytes(uint16(length), encodeLabel(label), opaque(context)), length);
}

/** RFC 9420 section 8. */
export function deriveSecret(
  primitives: Primitives,
  secret: Uint8Array,
  label: string,
): Eventually<Uint8Array> {
  return expandWithLabel(primitives, secret, label, NOTHING, HASH_BYTES);
}

/** RFC 9420 section 9.1. */
export function deriveTreeSecret(
  primitives: Primitives,
  secret: Uint8Array,
  label: string,
  generation: number,
  length: number,
): Eventually<Uint8Array> {
  return expandWithLabel(primitives, secret, label, uint32(generation), length);
}

/** What SignWithLabel signs. RFC 9420 section 5.1.2. */
export function signContent(label: string, content: Uint8Array): Uint8Array {
  return concatBytes(encodeLabel(label), opaque(content));
}
