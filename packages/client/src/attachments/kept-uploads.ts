import { sha256 } from "@portcullis/crypto";
import { decodeCbor, encodeCbor, FieldReader, toBase64Url, utf8 } from "@portcullis/protocol";
import type { StoreChange } from "../store.ts";
import { KEY_BYTES, SALT_BYTES } from "./content-coding.ts";

const UPLOAD = "portcullis/client-upload/v1";
const PREFIX = "upload/";

/** An attachment on its way. Secret. */
export interface KeptUpload {
  readonly blobId: Uint8Array;
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
  /** Of what is sent, in bytes. */
  readonly size: number;
  /** So many parts may have left this device. */
  readonly parts: number;
  /** Over these as they left: a SHA-256 of the one before and the part. 32 bytes. */
  readonly chain: Uint8Array;
}

/** The uploads that were begun and not finished, by the identity of what is sent. */
export class KeptUploads {
  readonly #uploads = new Map<string, KeptUpload>();
  readonly #write: (changes: readonly StoreChange[]) => Promise<void>;

  constructor(
    secrets: ReadonlyMap<string, Uint8Array>,
    write: (changes: readonly StoreChange[]) => Promise<void>,
  ) {
    this.#write = write;
    for (const [name, value] of secrets)
      if (name.startsWith(PREFIX)) this.#uploads.set(name, decodeUpload(value));
  }

  /** One of another size is forgotten: it was of something else. */
  async find(identity: string | undefined, size: number): Promise<KeptUpload | undefined> {
    if (identity === undefined) return undefined;
    const kept = this.#uploads.get(nameOf(identity));
    if (kept === undefined || kept.size === size) return kept;
    await this.forget(identity);
    return undefined;
  }

  /** Durable when it resolves. */
  async keep(identity: string | undefined, upload: KeptUpload): Promise<void> {
    if (identity === undefined) return;
    const name = nameOf(identity);
    await this.#write([{ put: "secret", name, value: encodeUpload(upload) }]);
    this.#uploads.set(name, upload);
  }

  async forget(identity: string | undefined): Promise<void> {
    if (identity === undefined || !this.#uploads.delete(nameOf(identity))) return;
    await this.#write([{ erase: "secret", name: nameOf(identity) }]);
  }
}

/** What is sent is not named in the store. */
function nameOf(identity: string): string {
  return PREFIX + toBase64Url(sha256(utf8(identity)));
}

export function encodeUpload({ blobId, key, salt, size, parts, chain }: KeptUpload): Uint8Array {
  return encodeCbor([UPLOAD, blobId, key, salt, size, parts, chain]);
}

/** @throws ProtocolError DECODE_* */
export function decodeUpload(bytes: Uint8Array): KeptUpload {
  const what = "upload";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 7);
  reader.constant(UPLOAD);
  return {
    blobId: reader.bytes(32),
    key: reader.bytes(KEY_BYTES),
    salt: reader.bytes(SALT_BYTES),
    size: reader.integer(),
    parts: reader.integer(),
    chain: reader.bytes(32),
  };
}
