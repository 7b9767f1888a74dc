import type { Selectable, Transaction } from "kysely";
import { equalBytes, type AccountId, type ConversationId } from "@portcullis/protocol";
import type { JoinRequestTable, Schema } from "../schema.ts";
import type { Connection } from "./connection.ts";

export type StoredJoinRequest = Selectable<JoinRequestTable>;
export type NewJoinRequest = Omit<StoredJoinRequest, "sequence" | "refusal">;

/** What became of a request: it waits, was refused by a member, or cannot be taken. */
export type JoinRequestOutcome =
  | { readonly kind: "waiting"; readonly isNew: boolean }
  | { readonly kind: "refused"; readonly refusal: string }
  | { readonly kind: "member" }
  | { readonly kind: "too-many" }
  | { readonly kind: "not-taken" };

/** Accounts that ask to join conversations: one request of an account in a conversation, the last. */
export class JoinRequests {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Again with the same request is the same as once. `not-taken`: there is no such conversation, or as many wait there as
   * may; `too-many`: as many of this account wait as may.
   */
  async ask(
    request: NewJoinRequest,
    nowMs: number,
    most: { readonly perAccount: number; readonly perConversation: number },
  ): Promise<JoinRequestOutcome> {
    return await this.#connection.durably("join-request", async (transaction) => {
      await transaction.deleteFrom("joinRequests").where("expiresAtMs", "<=", nowMs).execute();
      const { conversationId, accountId } = request;
      const before = await find(transaction, request);
      const isSame =
        before?.askedAtMs === request.askedAtMs && equalBytes(before.signature, request.signature);
      if (before !== undefined && isSame)
        return before.refusal === null
          ? { kind: "waiting", isNew: false }
          : { kind: "refused", refusal: before.refusal };
      if (await isMember(transaction, request)) return { kind: "member" };
      const ofAccount = await count(transaction, { accountId });
      if (before === undefined && ofAccount >= most.perAccount) return { kind: "too-many" };
      const inConversation = await count(transaction, { conversationId });
      const isFull = before === undefined && inConversation >= most.perConversation;
      if (isFull || !(await isThere(transaction, conversationId))) return { kind: "not-taken" };
      const { last } = await transaction
        .selectFrom("items")
        .select((select) => select.fn.max("sequence").as("last"))
        .where("conversationId", "=", conversationId)
        .executeTakeFirstOrThrow();
      await transaction
        .replaceInto("joinRequests")
        .values({ ...request, sequence: last ?? 0, refusal: null })
        .execute();
      return { kind: "waiting", isNew: true };
    });
  }

  /** Those that nobody has answered. */
  async waitingIn(conversationId: ConversationId, nowMs: number): Promise<StoredJoinRequest[]> {
    return await this.#connection.query
      .selectFrom("joinRequests")
      .selectAll()
      .where("conversationId", "=", conversationId)
      .where("refusal", "is", null)
      .where("expiresAtMs", ">", nowMs)
      .orderBy("askedAtMs")
      .execute();
  }

  /** False when there is no such request any more: it was withdrawn, answered, or made anew. */
  async refuse(
    request: Pick<StoredJoinRequest, "conversationId" | "accountId" | "askedAtMs">,
    refusal: string,
  ): Promise<boolean> {
    return await this.#connection.durably("join-refusal", async (transaction) => {
      const { numUpdatedRows } = await transaction
        .updateTable("joinRequests")
        .set({ refusal })
        .where("conversationId", "=", request.conversationId)
        .where("accountId", "=", request.accountId)
        .where("askedAtMs", "=", request.askedAtMs)
        .where("refusal", "is", null)
        .executeTakeFirstOrThrow();
      return numUpdatedRows > 0n;
    });
  }

  async withdraw(conversationId: ConversationId, accountId: AccountId): Promise<void> {
    await this.#connection.durably("join-withdrawal", async (transaction) => {
      await transaction
        .deleteFrom("joinRequests")
        .where("conversationId", "=", conversationId)
        .where("accountId", "=", accountId)
        .execute();
    });
  }
}

type Place = Pick<StoredJoinRequest, "conversationId" | "accountId">;

async function find(
  transaction: Transaction<Schema>,
  { conversationId, accountId }: Place,
): Promise<StoredJoinRequest | undefined> {
  return await transaction
    .selectFrom("joinRequests")
    .selectAll()
    .where("conversationId", "=", conversationId)
    .where("accountId", "=", accountId)
    .executeTakeFirst();
}

async function count(transaction: Transaction<Schema>, of: Partial<Place>): Promise<number> {
  let query = transaction
    .selectFrom("joinRequests")
    .select((select) => select.fn.countAll<number>().as("there"));
  if (of.accountId !== undefined) query = query.where("accountId", "=", of.accountId);
  // Of a conversation those that still wait: whoever answers them makes room.
  if (of.conversationId !== undefined)
    query = query.where("conversationId", "=", of.conversationId).where("refusal", "is", null);
  return (await query.executeTakeFirstOrThrow()).there;
}

async function isMember(
  transaction: Transaction<Schema>,
  { conversationId, accountId }: Place,
): Promise<boolean> {
  const member = await transaction
    .selectFrom("members")
    .select("deviceId")
    .where("conversationId", "=", conversationId)
    .where("accountId", "=", accountId)
    .where("leftSequence", "is", null)
    .executeTakeFirst();
  return member !== undefined;
}

async function isThere(transaction: Transaction<Schema>, conversationId: ConversationId): Promise<boolean> {
  const conversation = await transaction
    .selectFrom("conversations")
    .select("conversationId")
    .where("conversationId", "=", conversationId)
    .executeTakeFirst();
  return conversation !== undefined;
}
