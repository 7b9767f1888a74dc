import { sha256 } from "@portcullis/crypto";
import {
  fromBase64Url,
  toBase64Url,
  utf8,
  type LinkAnswer,
  type LinkAnswerRequest,
  type LinkChunkAnswer,
  type LinkChunkRequest,
  type LinkOffer,
  type LinkRequest,
} from "@portcullis/protocol";
import type { AccountRecord } from "../account/account-record.ts";
import type { ServerApi } from "../server/server-api.ts";

/** Where a new device and one of its account's leave each other what is sealed. The server can lose it, not read it. */
export class LinkMailbox {
  readonly #api: ServerApi;
  readonly #path: string;
  readonly #linkId: string;

  constructor(api: ServerApi, linkId: Uint8Array) {
    this.#api = api;
    this.#linkId = toBase64Url(linkId);
    this.#path = `/v1/links/${this.#linkId}`;
  }

  /** By the new device, which alone has `token`. Again is the same as once. */
  async open(offer: Uint8Array, token: string): Promise<void> {
    const tokenHash = toBase64Url(sha256(utf8(token)));
    const request: LinkRequest = { linkId: this.#linkId, tokenHash, offer: toBase64Url(offer) };
    await this.#api.call("POST", "/v1/links", request);
  }

  /** The offer; from now on nobody else gets it. @throws ClientError CLIENT_SERVER_REFUSED (LINK_UNKNOWN, LINK_TAKEN, LINK_LIMIT) */
  async claim(account: AccountRecord): Promise<Uint8Array> {
    const token = await this.#api.token(account);
    return fromBase64Url((await this.#api.call<LinkOffer>("POST", `${this.#path}/claim`, {}, token)).offer);
  }

  async answer(account: AccountRecord, answer: Uint8Array): Promise<void> {
    const request: LinkAnswerRequest = { answer: toBase64Url(answer) };
    await this.#api.call("PUT", `${this.#path}/answer`, request, await this.#api.token(account));
  }

  /** Undefined while nobody has answered. */
  async read(token: string): Promise<Uint8Array | undefined> {
    const { answer } = await this.#api.call<LinkAnswer>("GET", `${this.#path}/answer`, undefined, token);
    return answer === undefined ? undefined : fromBase64Url(answer);
  }

  /** @throws ClientError CLIENT_SERVER_REFUSED (LINK_FULL while the new device has not taken those before, LINK_UNKNOWN) */
  async putChunk(account: AccountRecord, index: number, chunk: Uint8Array): Promise<void> {
    const request: LinkChunkRequest = { chunk: toBase64Url(chunk) };
    await this.#api.call("PUT", `${this.#path}/chunks/${index}`, request, await this.#api.token(account));
  }

  /** Those before are durable here, and gone from the mailbox. Undefined while this one has not come. */
  async takeChunk(token: string, index: number): Promise<Uint8Array | undefined> {
    const path = `${this.#path}/chunks/${index}`;
    const { chunk } = await this.#api.call<LinkChunkAnswer>("GET", path, undefined, token);
    return chunk === undefined ? undefined : fromBase64Url(chunk);
  }

  async close(token: string): Promise<void> {
    await this.#api.call("DELETE", this.#path, undefined, token);
  }
}
