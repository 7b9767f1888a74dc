import {
  closeSync,
  createReadStream,
  fdatasyncSync,
  openSync,
  readdirSync,
  rmSync,
  writeSync,
  type ReadStream,
} from "node:fs";
import { join } from "node:path";
import { limits, padmeLength, toBase64Url, type AccountId, type Clock } from "@portcullis/protocol";
import type { Blob, Store } from "@portcullis/store";
import { syncFolder } from "@portcullis/store/directory";
import { ServerError } from "./errors.ts";

const DAY_MS = 86_400_000;
const SWEEP_MS = 3_600_000;

/** How long a blob is kept that is whole, and one that is not. */
export interface BlobTerms {
  readonly keptDays: number;
  readonly unfinishedDays: number;
}

/** Sealed attachments: names of 32 random bytes, whoever knows one may fetch it, and nothing is known of them but their padded size. */
export class BlobFolder {
  readonly #path: string;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #terms: BlobTerms;
  readonly #timer: NodeJS.Timeout;
  /** Parts of one blob are taken one after the other. */
  readonly #lanes = new Map<string, Promise<unknown>>();

  constructor(
    path: string,
    parts: { readonly store: Store; readonly clock: Clock; readonly terms: BlobTerms },
  ) {
    this.#path = path;
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#terms = parts.terms;
    this.#timer = setInterval(() => void this.sweep().catch(() => undefined), SWEEP_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** @throws ServerError BLOB_SIZE, BLOB_FULL, BLOB_TAKEN */
  async announce(blobId: Uint8Array, accountId: AccountId, bytes: number): Promise<Blob> {
    if (bytes > limits.blobBytes || padmeLength(bytes) !== bytes) throw new ServerError("BLOB_SIZE");
    const expiresAtMs = this.#clock.now() + this.#terms.unfinishedDays * DAY_MS;
    const blob = { blobId, accountId, bytes, expiresAtMs };
    const outcome = await this.#store.blobs.announce(blob, limits.blobBytesPerAccount);
    if (outcome === "full") throw new ServerError("BLOB_FULL");
    if (outcome === "taken") throw new ServerError("BLOB_TAKEN");
    return outcome;
  }

  /** How far its own account has come with it. @throws ServerError BLOB_UNKNOWN */
  async status(blobId: Uint8Array, accountId: AccountId): Promise<Blob> {
    const blob = await this.#store.blobs.find(blobId);
    if (blob === undefined || !isOf(blob, accountId)) throw new ServerError("BLOB_UNKNOWN");
    return blob;
  }

  /**
   * Takes the part that begins there; one that is there already is taken again without effect. Durable when it resolves.
   * @throws ServerError BLOB_UNKNOWN, BLOB_OFFSET
   */
  append(blobId: Uint8Array, accountId: AccountId, offset: number, part: Uint8Array): Promise<Blob> {
    return this.#inLane(blobId, async () => {
      const blob = await this.status(blobId, accountId);
      const end = offset + part.length;
      if (end <= blob.received) return blob;
      if (offset !== blob.received || end > blob.bytes)
        throw new ServerError("BLOB_OFFSET", { received: blob.received });
      this.#write(blobId, offset, part);
      const days = end === blob.bytes ? this.#terms.keptDays : this.#terms.unfinishedDays;
      const expiresAtMs = this.#clock.now() + days * DAY_MS;
      await this.#store.blobs.received(blobId, end, expiresAtMs);
      return { ...blob, received: end, expiresAtMs };
    });
  }

  /** The bytes of a whole one, from `start` to before `end`. @throws ServerError BLOB_UNKNOWN */
  async open(
    blobId: Uint8Array,
    range: (bytes: number) => { readonly start: number; readonly end: number },
  ): Promise<{
    readonly stream: ReadStream;
    readonly start: number;
    readonly end: number;
    readonly bytes: number;
  }> {
    const blob = await this.#store.blobs.find(blobId);
    if (blob === undefined || blob.received < blob.bytes || blob.expiresAtMs <= this.#clock.now())
      throw new ServerError("BLOB_UNKNOWN");
    const { start, end } = range(blob.bytes);
    const stream = createReadStream(this.#file(blobId), { start, end: end - 1 });
    return { stream, start, end, bytes: blob.bytes };
  }

  /** @throws ServerError BLOB_UNKNOWN */
  remove(blobId: Uint8Array, accountId: AccountId): Promise<void> {
    return this.#inLane(blobId, async () => {
      if (!(await this.#store.blobs.remove(blobId, accountId))) throw new ServerError("BLOB_UNKNOWN");
      rmSync(this.#file(blobId), { force: true });
    });
  }

  /** Takes away what has expired, and files of which nobody knows. */
  async sweep(): Promise<void> {
    const before = readdirSync(this.#path);
    await this.#store.blobs.removeExpired(this.#clock.now());
    const kept = new Set((await this.#store.blobs.ids()).map((id) => toBase64Url(id)));
    for (const name of before) if (!kept.has(name)) rmSync(join(this.#path, name), { force: true });
  }

  #file(blobId: Uint8Array): string {
    return join(this.#path, toBase64Url(blobId));
  }

  /** What was written before a crash and not counted is written over. */
  #write(blobId: Uint8Array, offset: number, part: Uint8Array): void {
    const file = openSync(this.#file(blobId), offset === 0 ? "w" : "r+", 0o600);
    try {
      for (let written = 0; written < part.length;)
        written += writeSync(file, part, written, part.length - written, offset + written);
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
    if (offset === 0) syncFolder(this.#path);
  }

  async #inLane<T>(blobId: Uint8Array, task: () => Promise<T>): Promise<T> {
    const key = toBase64Url(blobId);
    const result = (this.#lanes.get(key) ?? Promise.resolve()).then(task);
    const tail = result.catch(() => undefined);
    this.#lanes.set(key, tail);
    try {
      return await result;
    } finally {
      if (this.#lanes.get(key) === tail) this.#lanes.delete(key);
    }
  }
}

function isOf(blob: Blob, accountId: AccountId): boolean {
  return toBase64Url(blob.accountId) === toBase64Url(accountId);
}
