import type { Selectable, Transaction } from "kysely";
import type { InviteTable, Schema } from "../schema.ts";
import type { Connection } from "./connection.ts";

export type Invite = Selectable<InviteTable>;

/** Who may still make an account. Only hashes of the secrets are kept. */
export class Invites {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Again with the same hash is the same as once. `most`: how many open ones its maker may have. */
  async add(invite: Invite, nowMs: number, most: number): Promise<"added" | "too-many"> {
    return await this.#connection.durably("invite", async (transaction) => {
      const { createdBy } = invite;
      const { open } = await transaction
        .selectFrom("invites")
        .select((select) => select.fn.countAll<number>().as("open"))
        .where("createdBy", createdBy === null ? "is" : "=", createdBy)
        .where("expiresAtMs", ">", nowMs)
        .where("usesLeft", ">", 0)
        .where("inviteHash", "!=", invite.inviteHash)
        .executeTakeFirstOrThrow();
      if (createdBy !== null && open >= most) return "too-many";
      await transaction
        .insertInto("invites")
        .values(invite)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      return "added";
    });
  }
}

/** Within the transaction that makes the account. */
export async function useInvite(
  transaction: Transaction<Schema>,
  { inviteHash, nowMs }: { readonly inviteHash: Uint8Array; readonly nowMs: number },
): Promise<"used" | "invite-unknown" | "invite-expired" | "invite-used-up"> {
  const invite = await transaction
    .selectFrom("invites")
    .selectAll()
    .where("inviteHash", "=", inviteHash)
    .executeTakeFirst();
  if (invite === undefined) return "invite-unknown";
  if (invite.usesLeft === 0) return "invite-used-up";
  if (invite.expiresAtMs <= nowMs) return "invite-expired";
  await transaction
    .updateTable("invites")
    .set({ usesLeft: invite.usesLeft - 1 })
    .where("inviteHash", "=", inviteHash)
    .execute();
  return "used";
}
