import type { Selectable } from "kysely";
import type { AccountId, ConversationId, DeviceId, DeviceReference } from "@portcullis/protocol";
import type { ConversationTable, MemberTable, RosterTable } from "../schema.ts";
import type { Connection } from "./connection.ts";

export type Conversation = Selectable<ConversationTable>;
export type Member = Omit<Selectable<MemberTable>, "conversationId">;
export type Roster = Selectable<RosterTable>;
export type LoadedConversation = Conversation & { lastSequence: number; members: Member[] };
export type Membership = Pick<
  Selectable<MemberTable>,
  "conversationId" | "joinedSequence" | "leftSequence" | "cursor"
>;

/** Conversations with their members, the rosters of their epochs, and each device's cursor. */
export class Conversations {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Its creator is the only member until the first Commit. False when the id is taken. */
  async create(
    conversation: Conversation,
    creator: { accountId: AccountId; deviceId: DeviceId },
  ): Promise<boolean> {
    const { conversationId } = conversation;
    return await this.#connection.durably("conversation", async (transaction) => {
      const { numInsertedOrUpdatedRows } = await transaction
        .insertInto("conversations")
        .values(conversation)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow();
      if (numInsertedOrUpdatedRows === 0n) return false;
      await transaction
        .insertInto("members")
        .values({ conversationId, ...creator, joinedSequence: 0, leftSequence: null, cursor: 0 })
        .execute();
      return true;
    });
  }

  async load(conversationId: ConversationId): Promise<LoadedConversation | undefined> {
    const { query } = this.#connection;
    const conversation = await query
      .selectFrom("conversations")
      .selectAll()
      .where("conversationId", "=", conversationId)
      .executeTakeFirst();
    if (conversation === undefined) return undefined;
    const members = await query
      .selectFrom("members")
      .select(["accountId", "deviceId", "joinedSequence", "leftSequence", "cursor"])
      .where("conversationId", "=", conversationId)
      .execute();
    const { last } = await query
      .selectFrom("items")
      .select((select) => select.fn.max("sequence").as("last"))
      .where("conversationId", "=", conversationId)
      .executeTakeFirstOrThrow();
    return { ...conversation, members, lastSequence: last ?? 0 };
  }

  /** Where a device is or was a member. */
  async memberships(accountId: AccountId, deviceId: DeviceId): Promise<Membership[]> {
    return await this.#connection.query
      .selectFrom("members")
      .select(["conversationId", "joinedSequence", "leftSequence", "cursor"])
      .where("accountId", "=", accountId)
      .where("deviceId", "=", deviceId)
      .execute();
  }

  /** Whether an account has, or had, a device in it. */
  async wasMember(conversationId: ConversationId, accountId: AccountId): Promise<boolean> {
    const member = await this.#connection.query
      .selectFrom("members")
      .select("deviceId")
      .where("conversationId", "=", conversationId)
      .where("accountId", "=", accountId)
      .executeTakeFirst();
    return member !== undefined;
  }

  /** Those that are members now. */
  async devices(conversationId: ConversationId): Promise<DeviceReference[]> {
    return await this.#connection.query
      .selectFrom("members")
      .select(["accountId", "deviceId"])
      .where("conversationId", "=", conversationId)
      .where("leftSequence", "is", null)
      .execute();
  }

  async roster(conversationId: ConversationId, epoch: number): Promise<Roster | undefined> {
    return await this.#connection.query
      .selectFrom("rosters")
      .selectAll()
      .where("conversationId", "=", conversationId)
      .where("epoch", "=", epoch)
      .executeTakeFirst();
  }

  /** The roster of every epoch so far, the first first. */
  async rosters(conversationId: ConversationId): Promise<Roster[]> {
    return await this.#connection.query
      .selectFrom("rosters")
      .selectAll()
      .where("conversationId", "=", conversationId)
      .orderBy("epoch")
      .execute();
  }
}
