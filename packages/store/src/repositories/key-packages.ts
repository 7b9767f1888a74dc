import type { Transaction } from "kysely";
import type { AccountId, DeviceId } from "@portcullis/protocol";
import type { Schema } from "../schema.ts";
import type { Connection } from "./connection.ts";

export interface ClaimedKeyPackage {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly keyPackage: Uint8Array;
}

/** KeyPackages that devices left for others to add them by; each is given out once, but for the one of last resort. */
export class KeyPackages {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** With a KeyPackage of last resort the device's supply begins anew: whatever it left before is gone. */
  async add(
    accountId: AccountId,
    deviceId: DeviceId,
    supply: { readonly keyPackages: readonly Uint8Array[]; readonly lastResort?: Uint8Array },
  ): Promise<void> {
    const { keyPackages, lastResort } = supply;
    await this.#connection.durably("key-packages", async (transaction) => {
      if (lastResort !== undefined)
        await transaction
          .deleteFrom("keyPackages")
          .where("accountId", "=", accountId)
          .where("deviceId", "=", deviceId)
          .execute();
      const row = (keyPackage: Uint8Array, isLast: 0 | 1) => ({
        accountId,
        deviceId,
        keyPackage,
        lastResort: isLast,
      });
      const rows = keyPackages.map((keyPackage) => row(keyPackage, 0));
      if (lastResort !== undefined) rows.push(row(lastResort, 1));
      await transaction.insertInto("keyPackages").values(rows).execute();
    });
  }

  /**
   * One KeyPackage of each device of each account (each named once) that has any, or of each of those `chosen`: the
   * oldest, or that of last resort where nothing else is left, which stays. Undefined, and none taken, when no device of
   * an account has one, or one that is chosen has none.
   */
  async claim(
    accounts: readonly AccountId[],
    chosen?: readonly DeviceId[],
  ): Promise<ClaimedKeyPackage[] | undefined> {
    return await this.#connection.durably("claim", async (transaction) => {
      const devices = await oldestOfEach(transaction, accounts, chosen);
      // A device that never connected has none, and keeps its account out of nothing.
      const able = devices.flatMap(({ accountId, once, lastResort }) => {
        const position = once ?? lastResort;
        return position === null ? [] : [{ account: Buffer.from(accountId).toString("hex"), position }];
      });
      const reached = new Set(able.map(({ account }) => account));
      if (reached.size < accounts.length || able.length < (chosen?.length ?? 0)) return undefined;
      const positions = able.map(({ position }) => position);
      const claimed = await transaction
        .selectFrom("keyPackages")
        .select(["accountId", "deviceId", "keyPackage"])
        .where("position", "in", positions)
        .execute();
      await transaction
        .deleteFrom("keyPackages")
        .where("position", "in", positions)
        .where("lastResort", "=", 0)
        .execute();
      return claimed;
    });
  }
}

/** Every device of these accounts, or those chosen, with the places of what can be given out for it. */
function oldestOfEach(
  transaction: Transaction<Schema>,
  accounts: readonly AccountId[],
  chosen: readonly DeviceId[] | undefined,
) {
  return transaction
    .selectFrom("devices")
    .leftJoin("keyPackages", (join) =>
      join
        .onRef("keyPackages.accountId", "=", "devices.accountId")
        .onRef("keyPackages.deviceId", "=", "devices.deviceId"),
    )
    .select((select) => {
      const oldest = select.fn.min("keyPackages.position");
      return [
        "devices.accountId",
        "devices.deviceId",
        oldest.filterWhere("keyPackages.lastResort", "=", 0).as("once"),
        oldest.filterWhere("keyPackages.lastResort", "=", 1).as("lastResort"),
      ];
    })
    .where("devices.accountId", "in", [...accounts])
    .$if(chosen !== undefined, (query) => query.where("devices.deviceId", "in", [...(chosen ?? [])]))
    .groupBy(["devices.accountId", "devices.deviceId"])
    .execute();
}
