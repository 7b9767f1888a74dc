import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatBytes, decodeMlsOuter, PortcullisError } from "@portcullis/protocol";
import { assertDecoder } from "@portcullis/testkit";

const groupId = new Uint8Array(32).fill(7);

function opaque(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 0x40) return concatBytes(Uint8Array.of(bytes.length), bytes);
  if (bytes.length < 0x4000)
    return concatBytes(Uint8Array.of(0x40 | (bytes.length >> 8), bytes.length & 0xff), bytes);
  return concatBytes(
    Uint8Array.of(0x80, (bytes.length >> 16) & 0xff, (bytes.length >> 8) & 0xff, bytes.length & 0xff),
    bytes,
  );
}

interface Parts {
  head?: number[];
  group?: Uint8Array;
  epoch?: number[];
  contentType?: number;
  data?: Uint8Array;
  senderData?: Uint8Array;
  ciphertext?: Uint8Array;
}

const message = (parts: Parts = {}): Uint8Array =>
  concatBytes(
    Uint8Array.from(parts.head ?? [0, 1, 0, 2]),
    parts.group ?? opaque(groupId),
    Uint8Array.from(parts.epoch ?? [0, 0, 0, 0, 0, 0, 0, 5]),
    Uint8Array.of(parts.contentType ?? 1),
    opaque(parts.data ?? Uint8Array.of(1, 2, 3)),
    opaque(parts.senderData ?? new Uint8Array(28)),
    opaque(parts.ciphertext ?? new Uint8Array(100)),
  );

test("DEL-07: the clear fields of a PrivateMessage are read, whatever the lengths", () => {
  const lengths = fc.constantFrom(0, 1, 0x3f, 0x40, 0x3fff, 0x4000);
  fc.assert(
    fc.property(lengths, fc.constantFrom(1, 2, 3), fc.nat(0xffff), (length, contentType, epoch) => {
      const outer = decodeMlsOuter(
        message({
          data: new Uint8Array(length).fill(9),
          contentType,
          epoch: [0, 0, 0, 0, 0, 0, epoch >> 8, epoch & 0xff],
        }),
      );
      assert.deepEqual(outer, {
        wireFormat: "private_message",
        groupId,
        epoch,
        contentType: ["application", "proposal", "commit"][contentType - 1],
        authenticatedData: new Uint8Array(length).fill(9),
      });
    }),
    { numRuns: 40 },
  );
  const valid = message();
  assertDecoder(
    valid,
    (bytes) => decodeMlsOuter(bytes),
    () => valid,
  );
});

test("DEL-07: everything but a PrivateMessage of MLS 1.0 is refused", () => {
  const refused: [Parts, string][] = [
    [{ head: [0, 2, 0, 2] }, "DECODE_SHAPE"],
    [{ head: [0, 1, 0, 1] }, "DECODE_SHAPE"],
    [{ head: [0, 1, 0, 3] }, "DECODE_SHAPE"],
    [{ contentType: 0 }, "DECODE_SHAPE"],
    [{ contentType: 4 }, "DECODE_SHAPE"],
    [{ group: opaque(groupId.subarray(1)) }, "DECODE_LENGTH"],
    [{ group: concatBytes(Uint8Array.of(0x40, 32), groupId) }, "DECODE_NOT_CANONICAL"],
    [{ group: concatBytes(Uint8Array.of(0x80, 0, 0, 32), groupId) }, "DECODE_NOT_CANONICAL"],
    [{ group: concatBytes(Uint8Array.of(0xc0), groupId) }, "DECODE_NOT_CANONICAL"],
    [{ epoch: [0, 0x20, 0, 0, 0, 0, 0, 0] }, "DECODE_RANGE"],
    [{ senderData: new Uint8Array(0) }, "DECODE_LENGTH"],
    [{ ciphertext: new Uint8Array(0) }, "DECODE_LENGTH"],
  ];
  for (const [parts, code] of refused) assert.throws(() => decodeMlsOuter(message(parts)), { code });
});

test("arbitrary bytes never crash the reader", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
      assert.throws(() => decodeMlsOuter(concatBytes(Uint8Array.of(0, 1, 0, 2), noise)), PortcullisError);
    }),
    { numRuns: 60 },
  );
});
