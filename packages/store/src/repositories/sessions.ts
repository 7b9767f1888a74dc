import type { Connection } from "./connection.ts";

/** Who is logged in. Only hashes of tokens are kept: a thief of the database cannot act for anybody. */
export class Sessions {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async add(session: { tokenHash: Uint8Array; subject: Uint8Array; expiresAtMs: number }): Promise<void> {
    await this.#connection.durably("session", async (transaction) => {
      await transaction.insertInto("sessions").values(session).execute();
    });
  }

  /** The subject of a session that has not ended. */
  async subject(tokenHash: Uint8Array, nowMs: number): Promise<Uint8Array | undefined> {
    const session = await this.#connection.query
      .selectFrom("sessions")
      .select("subject")
      .where("tokenHash", "=", tokenHash)
      .where("expiresAtMs", ">", nowMs)
      .executeTakeFirst();
    return session?.subject;
  }

  async removeExpired(nowMs: number): Promise<void> {
    await this.#connection.durably("expired-sessions", async (transaction) => {
      await transaction.deleteFrom("sessions").where("expiresAtMs", "<=", nowMs).execute();
    });
  }
}
