import { ProtocolError } from "./errors.ts";
import { asConversationId, type ConversationId } from "./identifiers.ts";

const what = "MLSMessage";
const MLS10 = 1;
const PRIVATE_MESSAGE = 2;
const CONTENT_TYPES = { 1: "application", 2: "proposal", 3: "commit" } as const;

export type MlsContentType = (typeof CONTENT_TYPES)[keyof typeof CONTENT_TYPES];

/** The fields of a PrivateMessage that are in the clear. RFC 9420 section 6.3. */
export interface MlsOuter {
  readonly wireFormat: "private_message";
  readonly groupId: ConversationId;
  readonly epoch: number;
  readonly contentType: MlsContentType;
  readonly authenticatedData: Uint8Array;
}

/** TLS presentation language, read front to back. RFC 9420 section 2.1. */
class TlsReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  #advance(length: number): number {
    const start = this.#offset;
    if (start + length > this.#bytes.length) throw new ProtocolError("DECODE_TRUNCATED", { what });
    this.#offset = start + length;
    return start;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  u64(): number {
    const value = this.#view.getBigUint64(this.#advance(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new ProtocolError("DECODE_RANGE", { what });
    return Number(value);
  }

  /** opaque<V>, a view of the input: the length in the fewest bytes that hold it. RFC 9420 section 2.1.2. */
  opaque(): Uint8Array {
    const length = this.#variableLength();
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  #variableLength(): number {
    const first = this.u8();
    switch (first >> 6) {
      case 0:
        return first;
      case 1:
        return this.#minimal(((first & 0x3f) << 8) | this.u8(), 0x40);
      case 2:
        return this.#minimal((((first & 0x3f) << 8) | this.u8()) * 0x10000 + this.u16(), 0x4000);
      default:
        throw new ProtocolError("DECODE_NOT_CANONICAL", { what });
    }
  }

  #minimal(length: number, least: number): number {
    if (length < least) throw new ProtocolError("DECODE_NOT_CANONICAL", { what });
    return length;
  }

  end(): void {
    const trailing = this.#bytes.length - this.#offset;
    if (trailing > 0) throw new ProtocolError("DECODE_TRAILING", { what, trailing });
  }
}

/**
 * What a server may read of an MLSMessage: the clear outer fields of a PrivateMessage, nothing else, no other wire
 * format. `authenticatedData` is a view of `message`. RFC 9420 sections 6 and 6.3.
 * @throws ProtocolError DECODE_SHAPE for another version, wire format or content type; DECODE_*
 */
export function decodeMlsOuter(message: Uint8Array): MlsOuter {
  const reader = new TlsReader(message);
  if (reader.u16() !== MLS10) throw new ProtocolError("DECODE_SHAPE", { what, field: "version" });
  if (reader.u16() !== PRIVATE_MESSAGE)
    throw new ProtocolError("DECODE_SHAPE", { what, field: "wire_format" });
  const groupId = asConversationId(reader.opaque());
  const epoch = reader.u64();
  const contentType = CONTENT_TYPES[reader.u8() as keyof typeof CONTENT_TYPES] as MlsContentType | undefined;
  if (contentType === undefined) throw new ProtocolError("DECODE_SHAPE", { what, field: "content_type" });
  const authenticatedData = reader.opaque();
  const senderData = reader.opaque();
  const ciphertext = reader.opaque();
  if (senderData.length === 0 || ciphertext.length === 0) throw new ProtocolError("DECODE_LENGTH", { what });
  reader.end();
  return { wireFormat: "private_message", groupId, epoch, contentType, authenticatedData };
}
