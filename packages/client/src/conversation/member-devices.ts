import type { Member } from "@portcullis/mls";
import {
  equalBytes,
  limits,
  PortcullisError,
  toBase64Url,
  type AccountId,
  type DeviceReference,
} from "@portcullis/protocol";
import type { KeyPackageClaims } from "../account/key-package-claims.ts";
import { ClientError, isTransient } from "../errors.ts";
import type { Host } from "../host.ts";
import { accountsOf, isUnlisted, type ProvenLists } from "../identity/device-directory.ts";
import { Lane } from "../lane.ts";
import type { Addition } from "../outbox/outbox-entry.ts";
import { Recurring } from "../recurring.ts";
import type { Conversation } from "./conversation.ts";
import { keepsOwner } from "./state-rules.ts";

/** So many accounts are looked up at a time, by lot: the devices of a group together have soon looked at all of it. */
const ACCOUNTS_AT_ONCE = 16;

/** What it takes to change which devices of others are in a conversation. */
export interface MemberDevicesHost extends Host {
  readonly conversations: ReadonlyMap<string, Conversation>;
  readonly claims: Pick<KeyPackageClaims, "of">;
}

/**
 * Sees to it that no device stays in a conversation that its account lists no more, such as one that was lost before its
 * account was recovered. An account that has no other device there gets those that it lists now (GRP-14).
 */
export class MemberDevicesKeeper {
  readonly #host: MemberDevicesHost;
  readonly #turnMs: number;
  readonly #recurring: Recurring;
  readonly #lane = new Lane();
  /** Which look each account was last part of, by name. */
  readonly #lookedAt = new Map<string, number>();
  #looks = 0;
  /** Conversations in which this device waits for its turn. */
  readonly #waiting = new Set<Conversation>();

  /** `turnMs`: for so long each device waits for the one before it. */
  constructor(
    host: MemberDevicesHost,
    { everyMs, turnMs }: { readonly everyMs: number; readonly turnMs: number },
  ) {
    this.#host = host;
    this.#turnMs = turnMs;
    this.#recurring = new Recurring(host, everyMs, () => this.look());
  }

  /** A connection is there. */
  begin(): void {
    this.#recurring.begin();
  }

  /** Looks at some of those whom this device shares conversations with. @throws ClientError CLIENT_SERVER_UNREACHABLE; LedgerError */
  async look(): Promise<void> {
    const accounts = this.#choose();
    if (accounts.length === 0) return;
    const lists = await this.#host.devices.current(accounts);
    for (const conversation of this.#host.conversations.values())
      if (this.#lostIn(conversation, lists).length > 0) this.#settleInTurn(conversation, lists);
  }

  /**
   * Whether the conversation has no device now that its account lists no more: whoever joins would refuse a group with
   * one (CLT-04). @throws ClientError CLIENT_SERVER_UNREACHABLE, …; LedgerError
   */
  settle(conversation: Conversation): Promise<boolean> {
    return this.#lane.run(() => this.#settle(conversation));
  }

  /** Those that were looked at longest ago, by lot among equals. */
  #choose(): AccountId[] {
    const members = [...this.#host.conversations.values()].flatMap((one) => this.#othersIn(one));
    const drawn = accountsOf(members).map((accountId) => {
      const name = toBase64Url(accountId);
      const lot = toBase64Url(this.#host.random(8));
      return { accountId, name, lot, lookedAt: this.#lookedAt.get(name) ?? 0 };
    });
    const chosen = drawn
      .toSorted((a, b) => a.lookedAt - b.lookedAt || (a.lot < b.lot ? -1 : 1))
      .slice(0, ACCOUNTS_AT_ONCE);
    this.#looks += 1;
    for (const { name } of chosen) this.#lookedAt.set(name, this.#looks);
    return chosen.map(({ accountId }) => accountId);
  }

  /** Devices of one's own account are not among them: for these its list alone counts (LNK-10). */
  #othersIn({ sendingEpoch }: Conversation): Member[] {
    if (sendingEpoch === undefined || sendingEpoch.group.epoch === 0) return [];
    const { accountId: own } = this.#host.account;
    return sendingEpoch.group.members.filter(({ accountId }) => !equalBytes(accountId, own));
  }

  #lostIn(conversation: Conversation, lists: ProvenLists): Member[] {
    return this.#othersIn(conversation).filter((member) => isUnlisted(lists, member));
  }

  #settleInTurn(conversation: Conversation, lists: ProvenLists): void {
    const group = conversation.sendingEpoch?.group;
    if (group === undefined || this.#waiting.has(conversation)) return;
    const able = group.members.filter((member) => !isUnlisted(lists, member));
    const turn = able.filter(({ leafIndex }) => leafIndex < group.ownLeaf).length;
    this.#waiting.add(conversation);
    this.#host.later((turn + 1) * this.#turnMs, () => {
      this.#waiting.delete(conversation);
      this.settle(conversation).catch((error: unknown) => {
        // The next look finds it again.
        if (!isTransient(error) && this.#host.ready) this.#host.events.emit("fault", error);
      });
    });
  }

  async #settle(conversation: Conversation): Promise<boolean> {
    const others = this.#othersIn(conversation);
    if (others.length === 0) return true;
    const lists = await this.#host.devices.current(accountsOf(others));
    const { add, removeDevices } = await this.#replacement(conversation, this.#lostIn(conversation, lists));
    if (removeDevices.length > 0)
      try {
        const { outbox, watchers } = conversation;
        const { sequence } = await outbox.add({ kind: "commit", add, remove: [], removeDevices });
        await watchers.until(() => conversation.cursor >= sequence);
      } catch (error) {
        // Another member came first, and what is left of it nobody may do.
        if (!(error instanceof ClientError) || error.code !== "CLIENT_COMMIT_ROLE") throw error;
      }
    return this.#lostIn(conversation, lists).length === 0;
  }

  /** What one Commit can do about these. While some must stay nobody comes back: they would refuse the group. */
  async #replacement(
    conversation: Conversation,
    lost: readonly Member[],
  ): Promise<{ add: readonly Addition[]; removeDevices: readonly DeviceReference[] }> {
    const standing = conversation.states?.state;
    const before = conversation.epoch?.group.members ?? [];
    const replaced: { added: readonly Addition[]; removed: readonly Member[] }[] = [];
    let isWhole = true;
    for (const accountId of accountsOf(lost).slice(0, limits.accountsPerLookup)) {
      const isOf = (one: DeviceReference): boolean => equalBytes(one.accountId, accountId);
      const removed = lost.filter(isOf);
      const comesBack = before.filter(isOf).length === removed.length;
      const added = comesBack ? await this.#claim(accountId, before.length - removed.length) : [];
      // Without an owner everybody would be one.
      if (standing !== undefined && keepsOwner(standing, { added, removed, before }))
        replaced.push({ added, removed });
      else isWhole = false;
    }
    const done = isWhole ? replaced : replaced.filter(({ added }) => added.length === 0);
    return {
      add: done.flatMap(({ added }) => added).slice(0, limits.devicesAddedAtOnce),
      removeDevices: done.flatMap(({ removed }) =>
        removed.map(({ accountId, deviceId }) => ({ accountId, deviceId })),
      ),
    };
  }

  /** What can be had of this account's devices now, perhaps nothing: then it is removed, and who may adds it again. */
  async #claim(accountId: AccountId, besides: number): Promise<readonly Addition[]> {
    try {
      return (await this.#host.claims.of([accountId], besides))[0] ?? [];
    } catch (error) {
      if (!(error instanceof PortcullisError) || isTransient(error)) throw error;
      return [];
    }
  }
}
