import assert from "node:assert/strict";
import { PortcullisError } from "@portcullis/protocol";

/**
 * What every decoder owes: the valid bytes decode and encode to themselves; each truncation and a trailing byte are
 * refused with a coded error, never with a crash and never by accepting.
 */
export function assertDecoder<T>(
  valid: Uint8Array,
  decode: (bytes: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
): void {
  assert.deepEqual(encode(decode(valid)), valid, "round trip");
  for (let length = 0; length < valid.length; length++) {
    assert.throws(
      () => decode(valid.slice(0, length)),
      PortcullisError,
      `truncated to ${length} of ${valid.length}`,
    );
  }
  const trailing = new Uint8Array(valid.length + 1);
  trailing.set(valid);
  assert.throws(() => decode(trailing), PortcullisError, "trailing byte");
}
