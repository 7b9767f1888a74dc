import {
  concatBytes,
  encodeJoinRequest,
  equalBytes,
  limits,
  toBase64Url,
  type JoinRefusal,
} from "@portcullis/protocol";
import type { SharedState } from "@portcullis/protocol/content";
import type { KeyPackageClaims } from "../account/key-package-claims.ts";
import type { Conversation } from "../conversation/conversation.ts";
import type { MemberDevicesKeeper } from "../conversation/member-devices.ts";
import { demandUse } from "../conversation/join-rules.ts";
import { roleOf, type HasAccount } from "../conversation/state-rules.ts";
import { ClientError, isTransient } from "../errors.ts";
import type { Host } from "../host.ts";
import type { ServerApi } from "../server/server-api.ts";
import { findLink, verifyJoinRequest, type SignedJoinRequest } from "./join-key.ts";

const LIFETIME_MS = limits.joinRequestSeconds * 1000;
/** An asker's clock may be ahead. */
const AHEAD_MS = 24 * 3600 * 1000;

/** A request as the server hands it to a member. */
export interface ReceivedJoinRequest extends SignedJoinRequest {
  /** The conversation's last place when the server took it, by its word. */
  readonly sequence: number;
}

const refusals: Readonly<Record<string, JoinRefusal>> = {
  CLIENT_JOIN_UNKNOWN: "unknown",
  CLIENT_JOIN_EXPIRED: "expired",
  CLIENT_JOIN_USED_UP: "used-up",
  CLIENT_JOIN_ADMITTED: "admitted",
  CLIENT_JOIN_MEMBER: "member",
  CLIENT_JOIN_PROOF: "proof",
  CLIENT_JOIN_LAPSED: "lapsed",
  CLIENT_CONVERSATION_FULL: "full",
};

/**
 * Whether whoever asks is to be let in, as the state and the members stand now (GRP-22).
 * @throws ClientError CLIENT_JOIN_…
 */
export function judgeJoinRequest(
  request: SignedJoinRequest,
  {
    state,
    members,
    nowMs,
  }: { readonly state: SharedState; readonly members: readonly HasAccount[]; readonly nowMs: number },
): void {
  const link = findLink(state.links ?? [], request.linkId);
  if (link === undefined) throw new ClientError("CLIENT_JOIN_UNKNOWN");
  verifyJoinRequest(link, request);
  const { accountId, askedAtMs } = request;
  if (members.some((member) => equalBytes(member.accountId, accountId)))
    throw new ClientError("CLIENT_JOIN_MEMBER");
  if (askedAtMs < nowMs - LIFETIME_MS || askedAtMs > nowMs + AHEAD_MS)
    throw new ClientError("CLIENT_JOIN_LAPSED");
  demandUse(link, accountId, nowMs);
}

export interface DoorkeeperTools {
  readonly api: ServerApi;
  /** For so long each waits for the one before it. Milliseconds. */
  readonly turnMs: number;
  readonly claims: Pick<KeyPackageClaims, "of">;
  readonly memberDevices: Pick<MemberDevicesKeeper, "settle">;
}

/** Lets in who asks to join, where this account may: one Commit for each, or an answer that says why not. */
export class Doorkeeper {
  readonly #host: Host;
  readonly #with: DoorkeeperTools;
  /** What is under way in a conversation. */
  readonly #rounds = new Map<Conversation, Promise<void>>();
  /** Where this device has looked since it may let somebody in. */
  readonly #mayIn = new Set<Conversation>();
  /** Requests that failed for good, or whose turn comes when more was delivered: not tried again at each look. */
  readonly #passed = new Set<string>();

  constructor(host: Host, tools: DoorkeeperTools) {
    this.#host = host;
    this.#with = tools;
  }

  /** At each connection: only where somebody may have asked. */
  resume(conversation: Conversation): void {
    if (conversation.states?.state.links !== undefined) this.look(conversation);
  }

  /** Whoever has just become an admin is somebody for whom others wait. */
  stateChanged(conversation: Conversation): void {
    if (this.#turnIn(conversation) === undefined) this.#mayIn.delete(conversation);
    else if (!this.#mayIn.has(conversation)) this.resume(conversation);
  }

  /** Looks at what waits when this device's turn comes: those who may let in go by leaf (GRP-25). */
  look(conversation: Conversation | undefined): void {
    const turn = conversation && this.#turnIn(conversation);
    if (conversation === undefined || turn === undefined) return;
    this.#mayIn.add(conversation);
    this.#host.later(turn * this.#with.turnMs, () => {
      const before = this.#rounds.get(conversation) ?? Promise.resolve();
      const round = before.then(() => this.#answerAll(conversation));
      this.#rounds.set(conversation, round);
    });
  }

  #turnIn({ states, sendingEpoch }: Conversation): number | undefined {
    if (states === undefined || sendingEpoch === undefined) return undefined;
    const { members, ownLeaf } = sendingEpoch.group;
    const may = members.filter(({ accountId }) => roleOf(states.state, accountId) !== "member");
    const leaves = may.map(({ leafIndex }) => leafIndex).sort((a, b) => a - b);
    const turn = leaves.indexOf(ownLeaf);
    return turn < 0 ? undefined : turn;
  }

  async #answerAll(conversation: Conversation): Promise<void> {
    try {
      if (!this.#host.ready) return;
      const { api, memberDevices } = this.#with;
      const requests = await api.joinRequests(this.#host.account, conversation.id);
      // They would refuse the group as it is.
      if (requests.length > 0 && !(await memberDevices.settle(conversation))) return;
      for (const request of requests) await this.#answer(conversation, request);
    } catch (error) {
      // What waits is looked at again at the next connection.
      if (!isTransient(error) && this.#host.ready) this.#host.events.emit("fault", error);
    }
  }

  async #answer(conversation: Conversation, request: ReceivedJoinRequest): Promise<void> {
    // With all that it says: what the server made of another request must not stand in that one's way.
    const name = toBase64Url(concatBytes(encodeJoinRequest(request), request.signature));
    if (this.#passed.has(name) || this.#turnIn(conversation) === undefined) return;
    try {
      await this.#admit(conversation, request);
    } catch (error) {
      const code = error instanceof ClientError ? error.code : "";
      const refusal = refusals[code];
      if (isTransient(error) || !this.#host.ready) throw error;
      if (refusal === undefined || refusal === "proof") {
        this.#passed.add(name);
        this.#host.events.emit("fault", error);
      }
      if (refusal === "unknown" && conversation.cursor < request.sequence) {
        this.#passed.add(name);
        void this.#lookAgain(conversation, request.sequence, name);
      } else if (refusal !== undefined)
        await this.#with.api.refuseJoinRequest(this.#host.account, request, refusal);
    }
  }

  /** The link may stand in what was not delivered yet. */
  async #lookAgain(conversation: Conversation, sequence: number, name: string): Promise<void> {
    try {
      await conversation.watchers.until(() => conversation.cursor >= sequence);
    } catch {
      return;
    }
    this.#passed.delete(name);
    this.look(conversation);
  }

  async #admit(conversation: Conversation, request: ReceivedJoinRequest): Promise<void> {
    const { states, sendingEpoch } = conversation;
    if (states === undefined || sendingEpoch === undefined) return;
    const { members } = sendingEpoch.group;
    const { accountId, linkId } = request;
    judgeJoinRequest(request, { state: states.state, members, nowMs: this.#host.clock.now() });
    const [add = []] = await this.#with.claims.of([accountId], members.length);
    const admits = [{ accountId, linkId }];
    const { sequence } = await conversation.outbox.add({ kind: "commit", add, remove: [], admits });
    // The next one is judged by what stands behind this Commit.
    await conversation.watchers.until(() => conversation.cursor >= sequence);
  }
}
