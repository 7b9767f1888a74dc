import type { LedgerUpdate } from "@portcullis/access";
import { sign, type SigningKey } from "@portcullis/crypto";
import { parseCheckpoint, parseNote } from "@portcullis/ledger/verify";
import {
  encodeSessionChallenge,
  fromBase64Url,
  toBase64Url,
  utf8,
  fromUtf8,
  type ChallengeAnswer,
  type ErrorBody,
  type LedgerEntryAnswer,
  type OpeningsAnswer,
  type OrderHash,
  type SessionAnswer,
} from "@portcullis/protocol";
import { CustodianError } from "./errors.ts";

const LONGEST_ANSWER_BYTES = 64 * 1024 * 1024;
const TIMEOUT_MS = 30_000;
const JSON_TYPE = "application/json";

export interface ServerClientOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly id: string;
  readonly key: SigningKey;
  /** The provider in the policy: what the signature of a challenge is bound to. */
  readonly provider: string;
}

/** The server as a custodian uses it: a source of bytes that are checked elsewhere. */
export class ServerClient {
  readonly #options: ServerClientOptions;
  #token: string | undefined;

  constructor(options: ServerClientOptions) {
    this.#options = options;
  }

  /**
   * Everything after entry `size`, up to one published checkpoint. Answers are pages; what the server does not give is
   * missing in the update, where the state machine finds it.
   */
  async update(size: number): Promise<LedgerUpdate> {
    const openings: Uint8Array[] = [];
    for (;;) {
      const page = await this.#json<OpeningsAnswer>(
        "GET",
        `/v1/ledger/openings?from=${size + openings.length}`,
      );
      openings.push(...page.openings.map((opening) => fromBase64Url(opening)));
      // Only to know when to stop asking: what the checkpoint is worth is not judged here.
      const missing = parseCheckpoint(parseNote(page.checkpoint).text).size - size - openings.length;
      if (missing <= 0 || page.openings.length === 0) return { openings, checkpoint: page.checkpoint };
    }
  }

  async targets(orderHash: OrderHash): Promise<Uint8Array> {
    return this.#call("GET", `/v1/orders/${toBase64Url(orderHash)}/targets`);
  }

  async submit(opening: Uint8Array): Promise<LedgerEntryAnswer> {
    return this.#json("POST", "/v1/ledger/entries", { opening: toBase64Url(opening) });
  }

  async sendBatch(orderHash: OrderHash, batch: Uint8Array): Promise<void> {
    await this.#call("POST", `/v1/orders/${toBase64Url(orderHash)}/batches`, {
      type: "application/octet-stream",
      bytes: batch,
    });
  }

  async #json<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
    const content = body === undefined ? undefined : { type: JSON_TYPE, bytes: utf8(JSON.stringify(body)) };
    return JSON.parse(fromUtf8(await this.#call(method, path, content))) as T;
  }

  /** With the session's token; one that the server no longer knows is replaced once. */
  async #call(method: "GET" | "POST", path: string, content?: Content): Promise<Uint8Array> {
    this.#token ??= await this.#openSession();
    const first = await this.#request(method, path, content, this.#token);
    if (first.status !== 401) return accepted(first, path);
    this.#token = await this.#openSession();
    return accepted(await this.#request(method, path, content, this.#token), path);
  }

  async #openSession(): Promise<string> {
    const { id, key, provider } = this.#options;
    const asked = await this.#request("POST", "/v1/challenges");
    const { nonce } = JSON.parse(fromUtf8(accepted(asked, "/v1/challenges"))) as ChallengeAnswer;
    const signature = sign(key, encodeSessionChallenge(provider, fromBase64Url(nonce)));
    const request = { subject: { kind: "custodian", id }, nonce, signature: toBase64Url(signature) };
    const content = { type: JSON_TYPE, bytes: utf8(JSON.stringify(request)) };
    const answer = accepted(await this.#request("POST", "/v1/sessions", content), "/v1/sessions");
    return (JSON.parse(fromUtf8(answer)) as SessionAnswer).token;
  }

  async #request(
    method: "GET" | "POST",
    path: string,
    content?: Content,
    token?: string,
  ): Promise<{ status: number; bytes: Uint8Array }> {
    const response = await fetch(`${this.#options.url}${path}`, {
      method,
      headers: {
        ...(content && { "content-type": content.type }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(content && { body: new Uint8Array(content.bytes) }),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: response.status, bytes: await readAtMost(response, path) };
  }
}

interface Content {
  readonly type: string;
  readonly bytes: Uint8Array;
}

function accepted({ status, bytes }: { status: number; bytes: Uint8Array }, path: string): Uint8Array {
  if (status >= 200 && status < 300) return bytes;
  throw new CustodianError("CUSTODIAN_SERVER", { path, status, code: codeOf(bytes) });
}

function codeOf(bytes: Uint8Array): string | undefined {
  try {
    return (JSON.parse(fromUtf8(bytes)) as Partial<ErrorBody>).code;
  } catch {
    return undefined;
  }
}

async function readAtMost(response: Response, path: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > LONGEST_ANSWER_BYTES) throw new CustodianError("CUSTODIAN_SERVER", { path, length });
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
