import type { Selectable } from "kysely";
import { equalBytes, type AccountId } from "@portcullis/protocol";
import type { RecoveryTable } from "../schema.ts";
import type { Connection } from "./connection.ts";

export type Recovery = Omit<Selectable<RecoveryTable>, "tries" | "triesDay">;

/** Sealed account keys, each given out to whoever shows what its owner's code yields. */
export class Recoveries {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The version that stands; 0 when there is none. */
  async version(accountId: AccountId): Promise<number> {
    const stands = await this.#connection.query
      .selectFrom("recoveries")
      .select("version")
      .where("accountId", "=", accountId)
      .executeTakeFirst();
    return stands?.version ?? 0;
  }

  /** Replaces the one before, whose code is worth nothing from then on. */
  async put(recovery: Recovery): Promise<"stored" | "not-next"> {
    return await this.#connection.durably("recovery", async (transaction) => {
      const { accountId, version } = recovery;
      const stands = await transaction
        .selectFrom("recoveries")
        .select("version")
        .where("accountId", "=", accountId)
        .executeTakeFirst();
      if ((stands?.version ?? 0) + 1 !== version) return "not-next";
      await transaction
        .insertInto("recoveries")
        .values({ ...recovery, tries: 0, triesDay: 0 })
        .onConflict((conflict) => conflict.column("accountId").doUpdateSet({ ...recovery, tries: 0 }))
        .execute();
      return "stored";
    });
  }

  /** One try of the `most` that fail in a day; it is counted, durably, before anybody learns how it went. */
  async attempt(
    accountId: AccountId,
    authenticatorHash: Uint8Array,
    { day, most }: { readonly day: number; readonly most: number },
  ): Promise<Uint8Array | "refused" | "locked"> {
    return await this.#connection.durably("recovery-try", async (transaction) => {
      const stands = await transaction
        .selectFrom("recoveries")
        .selectAll()
        .where("accountId", "=", accountId)
        .executeTakeFirst();
      if (stands === undefined) return "refused";
      const tries = stands.triesDay === day ? stands.tries : 0;
      if (tries >= most) return "locked";
      if (equalBytes(stands.authenticatorHash, authenticatorHash)) return stands.sealed;
      await transaction
        .updateTable("recoveries")
        .set({ tries: tries + 1, triesDay: day })
        .where("accountId", "=", accountId)
        .execute();
      return "refused";
    });
  }
}
