import { hkdfSha256 } from "@portcullis/crypto";
import { concatBytes, padmeLength, utf8 } from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import type { RecordAead } from "../platform.ts";

/** One record with its delimiter and tag. */
export const RECORD_BYTES = 1024 * 1024;
export const SALT_BYTES = 16;
export const KEY_BYTES = 16;
/** Salt, record size, length of the key id, which is 0. RFC 8188 section 2.1 */
export const HEADER_BYTES = SALT_BYTES + 5;
const TAG_BYTES = 16;
/** Tag and delimiter. */
const RECORD_OVERHEAD = TAG_BYTES + 1;
const CONTENT_BYTES = RECORD_BYTES - RECORD_OVERHEAD;
const MORE = 1;
const LAST = 2;

/** What seals one attachment, and no other: key and salt are drawn for it. */
export interface AttachmentKey {
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
}

/**
 * How many bytes an attachment of `size` has at the server: a Padme length, so that its size tells no more than about
 * its order. The last record is never too short for what each record has.
 */
export function sealedLength(size: number): number {
  const records = Math.max(1, Math.ceil(size / CONTENT_BYTES));
  let length = padmeLength(HEADER_BYTES + size + records * RECORD_OVERHEAD);
  while (lastRecordBytes(length) < RECORD_OVERHEAD) length = padmeLength(length + 1);
  return length;
}

function lastRecordBytes(length: number): number {
  return ((length - HEADER_BYTES - 1) % RECORD_BYTES) + 1;
}

/**
 * The body of the `aes128gcm` content coding, RFC 8188, in pieces: the header, then each record. `content`: pieces of any
 * length, `size` bytes in all. What is left of the padded length is the coding's own padding.
 * @throws ClientError CLIENT_ATTACHMENT_CHANGED when the content is shorter or longer than it was said to be
 */
export async function* sealContent(
  aead: RecordAead,
  secret: AttachmentKey,
  { content, size }: { readonly content: AsyncIterable<Uint8Array>; readonly size: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const length = sealedLength(size);
  const coding = codingOf(secret);
  yield headerOf(secret.salt);
  const reader = new PieceReader(content);
  const records = Math.ceil((length - HEADER_BYTES) / RECORD_BYTES);
  let left = size;
  for (let index = 0; index < records; index++) {
    const isLast = index === records - 1;
    const room = (isLast ? lastRecordBytes(length) : RECORD_BYTES) - RECORD_OVERHEAD;
    const wanted = Math.min(room, left);
    const taken = await reader.take(wanted);
    if (bytesIn(taken) < wanted) throw new ClientError("CLIENT_ATTACHMENT_CHANGED");
    left -= wanted;
    const padding = new Uint8Array(1 + room - wanted);
    padding[0] = isLast ? LAST : MORE;
    // Delegating to the list would cost three turns of the event loop's queue for each piece.
    for (const piece of await aead.seal(coding.key, coding.nonce(index), [...taken, padding])) yield piece;
  }
  if (left > 0 || !(await reader.isAtEnd())) throw new ClientError("CLIENT_ATTACHMENT_CHANGED");
}

/**
 * The content of such a body, record by record, each as soon as it holds. Whoever asks for it waits for the end before
 * taking it for whole. @throws ClientError CLIENT_ATTACHMENT_BROKEN
 */
export async function* openContent(
  aead: RecordAead,
  key: Uint8Array,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new PieceReader(body);
  const header = concatBytes(...(await reader.take(HEADER_BYTES)));
  if (header.length < HEADER_BYTES) throw new ClientError("CLIENT_ATTACHMENT_BROKEN");
  const view = new DataView(header.buffer);
  const recordBytes = view.getUint32(SALT_BYTES);
  const hasKeyId = view.getUint8(HEADER_BYTES - 1) !== 0;
  if (hasKeyId || recordBytes <= RECORD_OVERHEAD || recordBytes > RECORD_BYTES)
    throw new ClientError("CLIENT_ATTACHMENT_BROKEN");
  const coding = codingOf({ key, salt: header.slice(0, SALT_BYTES) });
  for (let index = 0; ; index++) {
    const record = await opened(aead, coding, index, await reader.take(recordBytes));
    const isLast = await reader.isAtEnd();
    for (const piece of unpadded(record, isLast ? LAST : MORE)) yield piece;
    if (isLast) return;
  }
}

async function opened(
  aead: RecordAead,
  coding: Coding,
  index: number,
  sealed: readonly Uint8Array[],
): Promise<readonly Uint8Array[]> {
  try {
    if (bytesIn(sealed) < RECORD_OVERHEAD) throw new RangeError("no record");
    return await aead.open(coding.key, coding.nonce(index), sealed);
  } catch {
    throw new ClientError("CLIENT_ATTACHMENT_BROKEN", { record: index });
  }
}

/** What stands before the delimiter, which is the last byte that is not zero. */
function unpadded(record: readonly Uint8Array[], delimiter: number): Uint8Array[] {
  for (let i = record.length - 1; i >= 0; i--) {
    const piece = record[i] as Uint8Array;
    const end = piece.findLastIndex((byte) => byte !== 0);
    if (end < 0) continue;
    if (piece[end] !== delimiter) break;
    return [...record.slice(0, i), piece.subarray(0, end)].filter(({ length }) => length > 0);
  }
  throw new ClientError("CLIENT_ATTACHMENT_BROKEN");
}

interface Coding {
  readonly key: Uint8Array;
  nonce(index: number): Uint8Array;
}

/** RFC 8188 sections 2.2 and 2.3. */
function codingOf({ key: ikm, salt }: AttachmentKey): Coding {
  const key = hkdfSha256({ ikm, salt, info: utf8("Content-Encoding: aes128gcm\0"), length: KEY_BYTES });
  const base = hkdfSha256({ ikm, salt, info: utf8("Content-Encoding: nonce\0"), length: 12 });
  const nonce = (index: number): Uint8Array => {
    const numbered = base.slice();
    const view = new DataView(numbered.buffer);
    view.setUint32(8, view.getUint32(8) ^ index);
    return numbered;
  };
  return { key, nonce };
}

function headerOf(salt: Uint8Array): Uint8Array {
  const size = new Uint8Array(5);
  new DataView(size.buffer).setUint32(0, RECORD_BYTES);
  return concatBytes(salt, size);
}

function bytesIn(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** Takes as many bytes at once as are wanted, however they come. */
class PieceReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece = new Uint8Array(0) as Uint8Array;
  #isOver = false;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** So many bytes, or all that are left, as they came: none is copied. */
  async take(most: number): Promise<Uint8Array[]> {
    const taken: Uint8Array[] = [];
    for (let left = most; left > 0;) {
      if (this.#piece.length === 0 && (await this.isAtEnd())) break;
      const part = this.#piece.subarray(0, left);
      this.#piece = this.#piece.subarray(part.length);
      taken.push(part);
      left -= part.length;
    }
    return taken;
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#piece.length === 0 && !this.#isOver) {
      const { done, value } = await this.#pieces.next();
      if (done === true) this.#isOver = true;
      else this.#piece = value;
    }
    return this.#piece.length === 0;
  }
}
