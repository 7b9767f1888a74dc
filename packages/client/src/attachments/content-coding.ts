import { hkdfSha256 } from "@portcullis/crypto";
import type { Primitives } from "@portcullis/mls";
import { concatBytes, padmeLength, utf8 } from "@portcullis/protocol";
import { ClientError } from "../errors.ts";

/** One record with its delimiter and tag. */
export const RECORD_BYTES = 64 * 1024;
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
const NOTHING = new Uint8Array(0);

type Aead = Pick<Primitives, "seal" | "open">;

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
  aead: Aead,
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
    const record = new Uint8Array(room + 1);
    const taken = Math.min(room, left);
    if (!(await reader.into(record.subarray(0, taken)))) throw new ClientError("CLIENT_ATTACHMENT_CHANGED");
    left -= taken;
    record[taken] = isLast ? LAST : MORE;
    yield aead.seal(coding.key, coding.nonce(index), NOTHING, record);
  }
  if (left > 0 || !(await reader.isAtEnd())) throw new ClientError("CLIENT_ATTACHMENT_CHANGED");
}

/**
 * The content of such a body, record by record, each as soon as it holds. Whoever asks for it waits for the end before
 * taking it for whole. @throws ClientError CLIENT_ATTACHMENT_BROKEN
 */
export async function* openContent(
  aead: Aead,
  key: Uint8Array,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new PieceReader(body);
  const header = new Uint8Array(HEADER_BYTES);
  if (!(await reader.into(header))) throw new ClientError("CLIENT_ATTACHMENT_BROKEN");
  const view = new DataView(header.buffer);
  const recordBytes = view.getUint32(SALT_BYTES);
  const hasKeyId = view.getUint8(HEADER_BYTES - 1) !== 0;
  if (hasKeyId || recordBytes <= RECORD_OVERHEAD || recordBytes > RECORD_BYTES)
    throw new ClientError("CLIENT_ATTACHMENT_BROKEN");
  const coding = codingOf({ key, salt: header.slice(0, SALT_BYTES) });
  for (let index = 0; ; index++) {
    const sealed = await reader.upTo(recordBytes);
    const record = await opened(aead, coding, index, sealed);
    const end = record.findLastIndex((byte) => byte !== 0);
    const delimiter = record[end];
    const isLast = await reader.isAtEnd();
    if (delimiter !== (isLast ? LAST : MORE)) throw new ClientError("CLIENT_ATTACHMENT_BROKEN");
    if (end > 0) yield record.subarray(0, end);
    if (isLast) return;
  }
}

async function opened(aead: Aead, coding: Coding, index: number, sealed: Uint8Array): Promise<Uint8Array> {
  try {
    if (sealed.length < RECORD_OVERHEAD) throw new RangeError("no record");
    return await aead.open(coding.key, coding.nonce(index), NOTHING, sealed);
  } catch {
    throw new ClientError("CLIENT_ATTACHMENT_BROKEN", { record: index });
  }
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

/** Takes as many bytes at once as are wanted, however they come. */
class PieceReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = NOTHING;
  #isOver = false;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** False when there are too few. */
  async into(target: Uint8Array): Promise<boolean> {
    for (let filled = 0; filled < target.length;) {
      if (await this.isAtEnd()) return false;
      const part = this.#piece.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      this.#piece = this.#piece.subarray(part.length);
    }
    return true;
  }

  async upTo(most: number): Promise<Uint8Array> {
    const target = new Uint8Array(most);
    let filled = 0;
    while (filled < most && !(await this.isAtEnd())) {
      const part = this.#piece.subarray(0, most - filled);
      target.set(part, filled);
      filled += part.length;
      this.#piece = this.#piece.subarray(part.length);
    }
    return target.subarray(0, filled);
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
