import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { entryOf, sealOpening, type OpeningKind } from "@portcullis/access";
import { generateSigningKey, merkleRoot, verifySignature } from "@portcullis/crypto";
import { cosignNoteText, makeNoteSigner, signCheckpoint, type NoteSigner } from "@portcullis/ledger";
import { formatCheckpoint } from "@portcullis/ledger/verify";
import {
  encodeSessionChallenge,
  fromBase64Url,
  toBase64Url,
  type Clock,
  type SessionRequest,
} from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";

export const PROVIDER = "chat.example";
const random = seededRandom("server stand");
const signer = (name: string, algorithm: "ed25519" | "cosignature/v1"): NoteSigner =>
  makeNoteSigner({ name, algorithm, signingKey: generateSigningKey(seededRandom(name)) });

/** The few routes of a server that a custodian uses, over a ledger in memory with real signatures and cosignatures. */
export class ServerStand {
  readonly accessLog = signer("chat.example/access", "ed25519");
  readonly identityLog = signer("chat.example/identity", "ed25519");
  readonly witnesses = [signer("witness.one", "cosignature/v1"), signer("witness.two", "cosignature/v1")];
  /** Custodians' keys by id. */
  readonly custodians = new Map<string, Uint8Array>();
  readonly targets = new Map<string, Uint8Array>();
  readonly batches = new Map<string, Uint8Array>();
  readonly openings: Uint8Array[] = [];
  readonly calls: string[] = [];
  /** Openings in one answer. */
  page = 3;
  /** How many witnesses cosign. */
  cosigners = 2;
  /** What a dishonest server leaves out. */
  withheld: number | undefined;
  /** The next call whose name begins so is carried out and not answered. */
  dropAnswer: string | undefined;
  readonly #clock: Clock;
  readonly #tokens = new Map<string, string>();
  readonly #server: Server;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(({ status, body }) => {
        if (status === 0) return response.destroy();
        response.writeHead(status, { "content-type": "application/json" });
        return response.end(body instanceof Uint8Array ? body : JSON.stringify(body));
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => void this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Forgets every session. */
  restart(): void {
    this.#tokens.clear();
  }

  log(kind: OpeningKind, body: Uint8Array): number {
    return this.append(sealOpening(kind, body, random).opening);
  }

  append(opening: Uint8Array): number {
    const known = this.openings.findIndex((it) => Buffer.from(it).equals(opening));
    return known >= 0 ? known : this.openings.push(opening) - 1;
  }

  checkpoint(): string {
    const checkpoint = {
      origin: this.accessLog.key.name,
      size: this.openings.length,
      root: merkleRoot(this.openings.map((opening) => entryOf(opening))),
    };
    const cosignatures = this.witnesses
      .slice(0, this.cosigners)
      .map((witness) => cosignNoteText(witness, formatCheckpoint(checkpoint), this.#clock.now()));
    return signCheckpoint(this.accessLog, checkpoint) + cosignatures.join("");
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const call = `${request.method} ${request.url}`;
    this.calls.push(call);
    const body = this.#carryOut(call, request.headers.authorization, new Uint8Array(Buffer.concat(chunks)));
    if (this.dropAnswer === undefined || !call.startsWith(this.dropAnswer)) return body;
    this.dropAnswer = undefined;
    return { status: 0, body: {} };
  }

  #carryOut(
    call: string,
    authorization: string | undefined,
    body: Uint8Array,
  ): { status: number; body: unknown } {
    const json = (): unknown => JSON.parse(new TextDecoder().decode(body));
    if (call === "POST /v1/challenges") return { status: 200, body: { nonce: toBase64Url(random(32)) } };
    if (call === "POST /v1/sessions") return this.#openSession(json() as SessionRequest);
    const custodian = this.#tokens.get(authorization ?? "");
    if (custodian === undefined) return { status: 401, body: { code: "SESSION_MISSING" } };
    const from = /^GET \/v1\/ledger\/openings\?from=(\d+)$/.exec(call)?.[1];
    if (from !== undefined) return { status: 200, body: this.#openings(Number(from)) };
    if (call === "POST /v1/ledger/entries") {
      const { opening } = json() as { opening: string };
      return { status: 201, body: { index: this.append(fromBase64Url(opening)), proof: "" } };
    }
    const [, hash = "", what] = /^[A-Z]+ \/v1\/orders\/([^/]+)\/(targets|batches)$/.exec(call) ?? [];
    if (what === "targets") return { status: 200, body: this.targets.get(hash) ?? new Uint8Array() };
    if (what === "batches") return this.#keepBatch(`${hash} ${custodian}`, body);
    return { status: 404, body: { code: "ROUTE_UNKNOWN" } };
  }

  #openSession({ subject, nonce, signature }: SessionRequest): { status: number; body: unknown } {
    const id = subject.kind === "custodian" ? subject.id : "";
    const challenge = encodeSessionChallenge(PROVIDER, fromBase64Url(nonce));
    verifySignature(this.custodians.get(id)!, challenge, fromBase64Url(signature));
    const token = toBase64Url(random(32));
    this.#tokens.set(`Bearer ${token}`, id);
    return { status: 200, body: { token, expiresAtMs: 0 } };
  }

  #openings(from: number): { openings: string[]; checkpoint: string } {
    const until = this.withheld ?? this.openings.length;
    const page = this.openings.slice(from, Math.min(from + this.page, until));
    return { openings: page.map((opening) => toBase64Url(opening)), checkpoint: this.checkpoint() };
  }

  #keepBatch(key: string, batch: Uint8Array): { status: number; body: unknown } {
    const known = this.batches.get(key);
    if (known !== undefined && !Buffer.from(known).equals(batch))
      return { status: 409, body: { code: "BATCH_EXISTS" } };
    this.batches.set(key, batch);
    return { status: 201, body: {} };
  }
}
