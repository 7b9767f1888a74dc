import type { AccountId, DeviceId } from "@portcullis/protocol";
import type { Connection } from "./connection.ts";

export interface ClaimedKeyPackage {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly keyPackage: Uint8Array;
}

/** KeyPackages that devices left for others to add them by; each is given out once. */
export class KeyPackages {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async add(accountId: AccountId, deviceId: DeviceId, keyPackages: readonly Uint8Array[]): Promise<void> {
    await this.#connection.durably("key-packages", async (transaction) => {
      const rows = keyPackages.map((keyPackage) => ({ accountId, deviceId, keyPackage }));
      await transaction.insertInto("keyPackages").values(rows).execute();
    });
  }

  /**
   * One KeyPackage of each device of each account (each named once), or of those `chosen` alone; undefined, and none
   * taken, when an account has no such device or a device has none left.
   */
  async claim(
    accounts: readonly AccountId[],
    chosen?: readonly DeviceId[],
  ): Promise<ClaimedKeyPackage[] | undefined> {
    return await this.#connection.durably("claim", async (transaction) => {
      const devices = await transaction
        .selectFrom("devices")
        .leftJoin("keyPackages", (join) =>
          join
            .onRef("keyPackages.accountId", "=", "devices.accountId")
            .onRef("keyPackages.deviceId", "=", "devices.deviceId"),
        )
        .select((select) => [
          "devices.accountId",
          "devices.deviceId",
          select.fn.min("keyPackages.position").as("position"),
        ])
        .where("devices.accountId", "in", [...accounts])
        .$if(chosen !== undefined, (query) => query.where("devices.deviceId", "in", [...(chosen ?? [])]))
        .groupBy(["devices.accountId", "devices.deviceId"])
        .execute();
      const known = new Set(devices.map(({ accountId }) => Buffer.from(accountId).toString("hex")));
      if (known.size < accounts.length || devices.length < (chosen?.length ?? 0)) return undefined;
      const positions = devices.map(({ position }) => position).filter((position) => position !== null);
      if (positions.length < devices.length) return undefined;
      return await transaction
        .deleteFrom("keyPackages")
        .where("position", "in", positions)
        .returning(["accountId", "deviceId", "keyPackage"])
        .execute();
    });
  }
}
