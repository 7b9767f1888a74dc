import { wipe } from "@portcullis/crypto";
import { concatBytes, equalBytes, limits, toBase64Url, utf8, type BlobAnswer } from "@portcullis/protocol";
import { dispositions, type ExternalPart } from "@portcullis/protocol/content";
import { ClientError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Hasher, Platform } from "../platform.ts";
import { isRefusal, type ServerApi } from "../server/server-api.ts";
import { KEY_BYTES, openContent, sealContent, sealedLength } from "./content-coding.ts";
import { safeFileName } from "./file-name.ts";
import { KeptUploads, type KeptUpload } from "./kept-uploads.ts";

/** What is to be sent. */
export interface AttachmentSource {
  /** The same for the same content: an upload that was cut off goes on by it. Undefined: it does not. */
  readonly identity?: string;
  /** Bytes. */
  readonly size: number;
  content(): AsyncIterable<Uint8Array>;
  /** Whether it is still what it was when its size was taken. */
  isUnchanged?(): Promise<boolean>;
}

export interface AttachmentTerms {
  /** A media type. */
  readonly contentType: string;
  readonly fileName?: string;
  readonly description?: string;
  /** Shown where it stands, and not as a file. */
  readonly isInline?: boolean;
  readonly onProgress?: (done: number, of: number) => void;
  readonly signal?: AbortSignal;
}

type Progress = Pick<AttachmentTerms, "onProgress" | "signal">;

/** AEAD_AES_128_GCM (RFC 5116), in records: see `CODING`. */
const AES_128_GCM = 1;
/** In `aad`: the ciphertext is a body of this content coding (RFC 8188), whose own header has the salt. */
const CODING = utf8("aes128gcm");
const SHA_256 = 1;
const ATTEMPTS = 5;
const RETRY_MS = 500;

/** Sends and fetches what is too large for a message: sealed here, and opened here. */
export class AttachmentRoom {
  readonly #host: Host;
  readonly #api: ServerApi;
  readonly #platform: Platform;
  readonly #kept: KeptUploads;

  constructor(
    host: Host,
    parts: {
      readonly api: ServerApi;
      readonly platform: Platform;
      readonly secrets: ReadonlyMap<string, Uint8Array>;
    },
  ) {
    this.#host = host;
    this.#api = parts.api;
    this.#platform = parts.platform;
    this.#kept = new KeptUploads(parts.secrets, (changes) => host.write(changes));
  }

  /**
   * Seals it and leaves it at the server; what comes back goes into a message. After a crash or without a network the
   * same call goes on where it was, if the source has an identity.
   * @throws ClientError CLIENT_ATTACHMENT_SIZE, CLIENT_ATTACHMENT_CHANGED, CLIENT_SERVER_…; whatever the source or the signal throws
   */
  async upload(source: AttachmentSource, terms: AttachmentTerms): Promise<ExternalPart> {
    const { size, identity } = source;
    if (size > limits.attachmentBytes) throw new ClientError("CLIENT_ATTACHMENT_SIZE", { bytes: size });
    const upload = (await this.#kept.find(identity, size)) ?? this.#fresh(size);
    try {
      const contentHash = await this.#send(source, upload, terms);
      if ((await source.isUnchanged?.()) === false) throw new ClientError("CLIENT_ATTACHMENT_CHANGED");
      await this.#kept.forget(identity);
      return partOf(this.#api.url, upload, { terms, contentHash });
    } catch (error) {
      const isChanged = error instanceof ClientError && error.code === "CLIENT_ATTACHMENT_CHANGED";
      if (isChanged || isRefusal(error, "BLOB_UNKNOWN", "BLOB_OFFSET")) await this.#giveUp(identity, upload);
      throw error;
    }
  }

  /**
   * What was sent, piece by piece. Each piece is what somebody has sealed; that it is all of it is known when it ends.
   * @throws ClientError CLIENT_ATTACHMENT_ELSEWHERE, CLIENT_ATTACHMENT_BROKEN, CLIENT_SERVER_…
   */
  async *open(part: ExternalPart, progress: Progress = {}): AsyncGenerator<Uint8Array, void, undefined> {
    this.demandOurs(part);
    const hasher = this.#platform.sha256();
    let bytes = 0;
    for await (const piece of openContent(
      this.#aead,
      part.key,
      this.#hashed(this.sealed(part, 0, progress), hasher),
    )) {
      bytes += piece.length;
      yield piece;
    }
    if (bytes !== part.size || !equalBytes(hasher.digest(), part.contentHash))
      throw new ClientError("CLIENT_ATTACHMENT_BROKEN");
  }

  /** All of it at once. For what is small. @throws as `open` */
  async read(part: ExternalPart, progress: Progress = {}): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.open(part, progress)) pieces.push(piece.slice());
    return concatBytes(...pieces);
  }

  /** From what was fetched before. Nothing of it counts before its hash does. @throws ClientError CLIENT_ATTACHMENT_BROKEN */
  openFetched(
    part: ExternalPart,
    sealed: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    return openContent(this.#aead, part.key, sealed);
  }

  /**
   * As it lies at the server, from a byte on; goes on by itself when the connection breaks.
   * @throws ClientError CLIENT_ATTACHMENT_BROKEN when there is more or less than there must be, CLIENT_SERVER_…
   */
  async *sealed(
    part: ExternalPart,
    from: number,
    { onProgress, signal }: Progress = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const length = sealedLength(part.size);
    let done = from;
    for (let attempt = 1; done < length;) {
      signal?.throwIfAborted();
      try {
        const token = await this.#api.token(this.#host.account);
        const response = await this.#api.exchange(this.#pathOf(part), { method: "GET", token, from: done });
        if (response.status !== 206 && done > 0) throw new ClientError("CLIENT_ATTACHMENT_BROKEN");
        for await (const piece of response.body ?? []) {
          if (done + piece.length > length) throw new ClientError("CLIENT_ATTACHMENT_BROKEN");
          done += piece.length;
          attempt = 1;
          yield piece;
          onProgress?.(done, length);
          signal?.throwIfAborted();
        }
        if (done < length && attempt++ >= ATTEMPTS) throw new ClientError("CLIENT_ATTACHMENT_BROKEN");
      } catch (error) {
        signal?.throwIfAborted();
        const isOurs = error instanceof ClientError && error.code !== "CLIENT_SERVER_UNREACHABLE";
        if (isOurs || attempt++ >= ATTEMPTS) throw error instanceof ClientError ? error : unreachable();
        await this.#pause(attempt);
      }
    }
  }

  /** Nobody is asked for anything because a message says so. @throws ClientError CLIENT_ATTACHMENT_ELSEWHERE */
  demandOurs(part: ExternalPart): void {
    const { encAlg, key, aad, hashAlg, contentHash, url, size } = part;
    const isKnown = encAlg === AES_128_GCM && key.length === KEY_BYTES && equalBytes(aad, CODING);
    const isHashed = hashAlg === SHA_256 && contentHash.length === 32;
    const blob = url.startsWith(`${this.#api.url}/v1/blobs/`) && /\/[\w-]{43}$/.test(url);
    if (!isKnown || !isHashed || !blob || size > limits.attachmentBytes)
      throw new ClientError("CLIENT_ATTACHMENT_ELSEWHERE");
  }

  get #aead() {
    return this.#platform.records;
  }

  #pathOf({ url }: ExternalPart): string {
    return url.slice(this.#api.url.length);
  }

  #fresh(size: number): KeptUpload {
    const { random } = this.#host;
    return {
      blobId: random(32),
      key: random(KEY_BYTES),
      salt: random(16),
      size,
      parts: 0,
      chain: new Uint8Array(32),
    };
  }

  /** Announces the blob and sends what the server does not have of it. The hash of all of it. */
  async #send(source: AttachmentSource, begun: KeptUpload, terms: Progress): Promise<Uint8Array> {
    const path = `/v1/blobs/${toBase64Url(begun.blobId)}`;
    const length = sealedLength(begun.size);
    const { received } = await this.#again(async () =>
      this.#api.call<BlobAnswer>("PUT", path, { bytes: length }, await this.#api.token(this.#host.account)),
    );
    const hasher = this.#platform.sha256();
    let chain = new Uint8Array(32) as Uint8Array;
    let offset = 0;
    let index = 0;
    const { size } = source;
    const body = sealContent(this.#aead, begun, { content: source.content(), size });
    for await (const part of inParts(body)) {
      terms.signal?.throwIfAborted();
      hasher.update(part);
      chain = this.#chained(chain, part);
      index++;
      // What has left under this key has left as it is now: a nonce is used for one record.
      if (index === begun.parts && !equalBytes(chain, begun.chain))
        throw new ClientError("CLIENT_ATTACHMENT_CHANGED");
      if (index > begun.parts) await this.#kept.keep(source.identity, { ...begun, parts: index, chain });
      const end = offset + part.length;
      if (end > received && index >= begun.parts)
        await this.#sendPart(path, Math.max(offset, received), part.subarray(Math.max(0, received - offset)));
      offset = end;
      terms.onProgress?.(offset, length);
    }
    return hasher.digest();
  }

  #chained(chain: Uint8Array, part: Uint8Array): Uint8Array {
    const hasher = this.#platform.sha256();
    hasher.update(chain);
    hasher.update(part);
    return hasher.digest();
  }

  async #sendPart(path: string, offset: number, body: Uint8Array): Promise<void> {
    await this.#again(async () => {
      const token = await this.#api.token(this.#host.account);
      await this.#api.exchange(`${path}/parts/${offset}`, { method: "PUT", token, body });
    });
  }

  async #giveUp(identity: string | undefined, { blobId, key }: KeptUpload): Promise<void> {
    await this.#kept.forget(identity);
    wipe(key);
    const path = `/v1/blobs/${toBase64Url(blobId)}`;
    const token = await this.#api.token(this.#host.account).catch(() => undefined);
    // If it cannot be taken away now, the server does that when its day is over.
    if (token !== undefined) await this.#api.call("DELETE", path, undefined, token).catch(() => undefined);
  }

  /** A connection that breaks is tried again, some times. */
  async #again<T>(ask: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        const isDown = error instanceof ClientError && error.code === "CLIENT_SERVER_UNREACHABLE";
        if (!isDown || attempt === ATTEMPTS) throw error;
        await this.#pause(attempt);
      }
    }
  }

  #pause(attempt: number): Promise<void> {
    return new Promise((resolve) => this.#host.later(RETRY_MS * attempt, resolve));
  }

  async *#hashed(
    pieces: AsyncIterable<Uint8Array>,
    hasher: Hasher,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of pieces) {
      hasher.update(piece);
      yield piece;
    }
  }
}

function unreachable(): ClientError {
  return new ClientError("CLIENT_SERVER_UNREACHABLE");
}

/** In pieces of what one request takes. */
async function* inParts(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    if (bytes + piece.length > limits.blobPartBytes) {
      yield concatBytes(...waiting);
      [waiting, bytes] = [[], 0];
    }
    waiting.push(piece);
    bytes += piece.length;
  }
  yield concatBytes(...waiting);
}

function partOf(
  server: string,
  { blobId, key, size }: KeptUpload,
  { terms, contentHash }: { readonly terms: AttachmentTerms; readonly contentHash: Uint8Array },
): ExternalPart {
  const { contentType, fileName = "", description = "", isInline = false } = terms;
  return {
    disposition: isInline ? dispositions.inline : dispositions.attachment,
    language: "",
    cardinality: "external",
    contentType,
    url: `${server}/v1/blobs/${toBase64Url(blobId)}`,
    expires: 0,
    size,
    encAlg: AES_128_GCM,
    key,
    nonce: new Uint8Array(0),
    aad: CODING,
    hashAlg: SHA_256,
    contentHash,
    description,
    filename: fileName === "" ? "" : safeFileName(fileName),
  };
}
