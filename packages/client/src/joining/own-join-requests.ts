import {
  equalBytes,
  limits,
  parseJoinLink,
  toBase64Url,
  type ConversationClass,
  type ConversationId,
  type JoinRefusal,
} from "@portcullis/protocol";
import type { SharedState } from "@portcullis/protocol/content";
import { Lane } from "../lane.ts";
import { ClientError, isTransient, type ClientErrorCode } from "../errors.ts";
import type { Host } from "../host.ts";
import { isRefusal, type ServerApi } from "../server/server-api.ts";
import type { StoreChange } from "../store.ts";
import { joinKeyOf, linkIdOf, signJoinRequest } from "./join-key.ts";
import {
  decodeJoinRequestRecord,
  encodeJoinRequestRecord,
  type JoinRequestRecord,
} from "./join-request-record.ts";

const PREFIX = "join-request/";
const LIFETIME_MS = limits.joinRequestSeconds * 1000;

const codeOf: Readonly<Record<JoinRefusal, ClientErrorCode>> = {
  unknown: "CLIENT_JOIN_UNKNOWN",
  expired: "CLIENT_JOIN_EXPIRED",
  "used-up": "CLIENT_JOIN_USED_UP",
  admitted: "CLIENT_JOIN_ADMITTED",
  member: "CLIENT_JOIN_MEMBER",
  proof: "CLIENT_JOIN_PROOF",
  lapsed: "CLIENT_JOIN_LAPSED",
  full: "CLIENT_CONVERSATION_FULL",
};

/** What becomes of a request to join. A refusal is a member's word, or the server's: nobody vouches for it. */
export type JoinRequestEvent =
  | { readonly conversationId: ConversationId; readonly state: "waiting" | "joined" }
  | { readonly conversationId: ConversationId; readonly state: "refused"; readonly code: ClientErrorCode };

/** A request that waits for a member's answer. */
export interface WaitingJoinRequest {
  readonly conversationId: ConversationId;
  readonly class: ConversationClass;
  readonly askedAtMs: number;
}

/**
 * The conversations that this account asks to join. A request is durable before it leaves, and made again at each
 * connection until it is answered: again is the same as once.
 */
export class OwnJoinRequests {
  readonly #host: Pick<Host, "account" | "clock" | "events" | "ready" | "write">;
  readonly #api: ServerApi;
  readonly #held = new Map<string, JoinRequestRecord>();
  /** What the server is told, in order. */
  readonly #lane = new Lane();

  constructor(
    host: Pick<Host, "account" | "clock" | "events" | "ready" | "write">,
    api: ServerApi,
    secrets: ReadonlyMap<string, Uint8Array>,
  ) {
    this.#host = host;
    this.#api = api;
    for (const [name, value] of secrets)
      if (name.startsWith(PREFIX)) this.#held.set(name, decodeJoinRequestRecord(value));
  }

  get waiting(): WaitingJoinRequest[] {
    return [...this.#held.values()]
      .filter(({ condition }) => condition === "waiting")
      .map(({ conversationId, class: kind, askedAtMs }) => ({ conversationId, class: kind, askedAtMs }));
  }

  /**
   * `isMember`: whether this device is in a conversation already. Resolves when the request waits at the server, or here
   * for the next connection. @throws ProtocolError JOIN_LINK; ClientError CLIENT_JOIN_SERVER, CLIENT_JOIN_MEMBER, CLIENT_SERVER_REFUSED
   */
  async ask(text: string, isMember: (conversationId: ConversationId) => boolean): Promise<ConversationId> {
    const { account, clock } = this.#host;
    const link = parseJoinLink(text);
    const { conversationId, class: kind } = link;
    if (link.server !== this.#api.url) throw new ClientError("CLIENT_JOIN_SERVER");
    if (isMember(conversationId)) throw new ClientError("CLIENT_JOIN_MEMBER");
    const key = joinKeyOf(link);
    const { publicKey } = key;
    // Later than the one before it, which is another request then.
    const before = this.#held.get(nameOf(conversationId))?.askedAtMs ?? 0;
    const askedAtMs = Math.max(clock.now(), before + 1);
    const linkId = linkIdOf(publicKey);
    const about = { conversationId, linkId, accountId: account.accountId, askedAtMs };
    const { signature } = signJoinRequest(key, about);
    const record = { conversationId, class: kind, publicKey, askedAtMs, signature };
    const held = await this.#keep({ condition: "waiting", ...record });
    this.#host.events.emit("join-request", { conversationId, state: "waiting" });
    try {
      await this.#tell(held);
    } catch (error) {
      if (isTransient(error)) return conversationId;
      await this.#forget(held);
      throw error;
    }
    return conversationId;
  }

  /** Durable when it resolves; the server hears of it now or at the next connection. */
  async withdraw(conversationId: ConversationId): Promise<void> {
    const held = this.#held.get(nameOf(conversationId));
    if (held !== undefined) await this.#tellOrLater(await this.#end(held));
  }

  /** The connection is there: what waits is asked again, and what has ended is said to have. */
  resume(): void {
    for (const held of this.#held.values()) void this.#tellOrLater(held);
  }

  /** The server says that there is news. */
  look(conversationId: ConversationId): void {
    const held = this.#held.get(nameOf(conversationId));
    if (held !== undefined) void this.#tellOrLater(held);
  }

  /**
   * Whether a Welcome is to the very conversation to which the link leads: one of that class whose members know the
   * link's key. Else whoever works with the server could show a group of its own under the same id (GRP-24).
   * @throws ClientError CLIENT_JOIN_WELCOME
   */
  check(conversationId: ConversationId, kind: ConversationClass, { links = [] }: SharedState): void {
    const held = this.#held.get(nameOf(conversationId));
    if (held?.condition !== "waiting") return;
    const isKnown = links.some(({ publicKey }) => equalBytes(publicKey, held.publicKey));
    if (!isKnown || kind !== held.class) throw new ClientError("CLIENT_JOIN_WELCOME");
  }

  /** What to store in the transaction of the join, and what to do once it is durable. */
  joined(conversationId: ConversationId): { changes: StoreChange[]; settle: () => void } {
    const name = nameOf(conversationId);
    const held = this.#held.get(name);
    if (held === undefined) return { changes: [], settle: () => {} };
    const settle = (): void => {
      this.#held.delete(name);
      this.#host.events.emit("join-request", { conversationId, state: "joined" });
    };
    return { changes: [{ erase: "secret", name }], settle };
  }

  async #tellOrLater(held: JoinRequestRecord): Promise<void> {
    if (!this.#host.ready) return;
    try {
      await this.#tell(held);
    } catch (error) {
      // It stays, and is tried at the next connection.
      if (!isTransient(error) && this.#host.ready) this.#host.events.emit("fault", error);
    }
  }

  /** One after the other, so that what was withdrawn is not asked again behind that. */
  #tell(held: JoinRequestRecord): Promise<void> {
    return this.#lane.run(async () => {
      if (this.#isCurrent(held)) await this.#tellNow(held);
    });
  }

  /** Tells the server how a request stands, and learns what has become of it. */
  async #tellNow(held: JoinRequestRecord): Promise<void> {
    const { account, clock } = this.#host;
    const { conversationId } = held;
    if (held.condition === "ended") {
      await this.#api.withdrawJoinRequest(account, conversationId);
      if (this.#isCurrent(held)) await this.#forget(held);
      return;
    }
    if (clock.now() - held.askedAtMs > LIFETIME_MS) return this.#refused(held, "CLIENT_JOIN_LAPSED");
    try {
      const refusal = await this.#api.askToJoin(account, { ...held, linkId: linkIdOf(held.publicKey) });
      if (refusal !== undefined && this.#isCurrent(held)) await this.#refused(held, codeOf[refusal]);
    } catch (error) {
      // Its Welcome is on the way.
      if (!isRefusal(error, "JOIN_MEMBER")) throw error;
    }
  }

  async #refused(held: JoinRequestRecord, code: ClientErrorCode): Promise<void> {
    const { conversationId } = held;
    const ended = await this.#end(held);
    this.#host.events.emit("join-request", { conversationId, state: "refused", code });
    void this.#tellOrLater(ended);
  }

  /** Durably over; the server is still to be told. */
  #end(held: JoinRequestRecord): Promise<JoinRequestRecord> {
    return this.#keep({ ...held, condition: "ended" });
  }

  async #keep(held: JoinRequestRecord): Promise<JoinRequestRecord> {
    const name = nameOf(held.conversationId);
    await this.#host.write([{ put: "secret", name, value: encodeJoinRequestRecord(held) }]);
    this.#held.set(name, held);
    return held;
  }

  async #forget({ conversationId }: JoinRequestRecord): Promise<void> {
    const name = nameOf(conversationId);
    await this.#host.write([{ erase: "secret", name }]);
    this.#held.delete(name);
  }

  /** Whether nothing has happened to it meanwhile. */
  #isCurrent(held: JoinRequestRecord): boolean {
    return this.#held.get(nameOf(held.conversationId)) === held;
  }
}

function nameOf(conversationId: ConversationId): string {
  return PREFIX + toBase64Url(conversationId);
}
