import type { Selectable } from "kysely";
import type { AccountId, DeviceId } from "@portcullis/protocol";
import type { WelcomeTable } from "../schema.ts";
import type { Connection } from "./connection.ts";

export type StoredWelcome = Selectable<WelcomeTable>;

/** Welcomes that wait for a device. A device's cursor at or behind the Commit's place removes them (see items). */
export class Welcomes {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async waitingFor(accountId: AccountId, deviceId: DeviceId): Promise<StoredWelcome[]> {
    return await this.#connection.query
      .selectFrom("welcomes")
      .selectAll()
      .where("accountId", "=", accountId)
      .where("deviceId", "=", deviceId)
      .execute();
  }
}
