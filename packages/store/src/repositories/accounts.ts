import type { Selectable, Transaction } from "kysely";
import type { AccountId, DeviceId } from "@portcullis/protocol";
import type { AccountTable, DeviceListTable, DeviceTable, Schema } from "../schema.ts";
import type { Connection } from "./connection.ts";

export type Account = Selectable<AccountTable>;
export type StoredDeviceList = Selectable<DeviceListTable>;
export type Device = Selectable<DeviceTable>;

/** One version of an account's device list, with the entry that goes into the identity log in the same transaction. */
export interface NewDeviceList extends StoredDeviceList {
  /** What the entry hides from those who see only the log. */
  readonly opening: Uint8Array;
  readonly devices: readonly Omit<Device, "accountId">[];
}

/** Who has an account, with which handle and devices; every version of every signed device list. */
export class Accounts {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async create(
    account: { handle: string; createdAtMs: number },
    list: NewDeviceList,
  ): Promise<"created" | "handle-taken" | "account-exists"> {
    return await this.#connection.durably("account", async (transaction) => {
      const { accountId, version } = list;
      const taken = await transaction
        .selectFrom("accounts")
        .select(["accountId", "handle"])
        .where((where) =>
          where.or([where("handle", "=", account.handle), where("accountId", "=", accountId)]),
        )
        .executeTakeFirst();
      if (taken !== undefined) return taken.handle === account.handle ? "handle-taken" : "account-exists";
      await transaction
        .insertInto("accounts")
        .values({ accountId, version, ...account })
        .execute();
      await insertList(transaction, list);
      return "created";
    });
  }

  /** The next version of the list; its version must follow the one that stands. */
  async replaceDevices(list: NewDeviceList): Promise<"replaced" | "unknown" | "not-next"> {
    return await this.#connection.durably("device-list", async (transaction) => {
      const { accountId, version } = list;
      const account = await transaction
        .selectFrom("accounts")
        .select("version")
        .where("accountId", "=", accountId)
        .executeTakeFirst();
      if (account === undefined) return "unknown";
      if (account.version + 1 !== version) return "not-next";
      await transaction.updateTable("accounts").set({ version }).where("accountId", "=", accountId).execute();
      await insertList(transaction, list);
      return "replaced";
    });
  }

  async byHandle(handle: string): Promise<Account | undefined> {
    return await this.#connection.query
      .selectFrom("accounts")
      .selectAll()
      .where("handle", "=", handle)
      .executeTakeFirst();
  }

  async currentList(accountId: AccountId): Promise<StoredDeviceList | undefined> {
    return await this.#connection.query
      .selectFrom("deviceLists")
      .selectAll()
      .where("accountId", "=", accountId)
      .orderBy("version", "desc")
      .executeTakeFirst();
  }

  /** Every version, the first first. */
  async lists(accountId: AccountId): Promise<StoredDeviceList[]> {
    return await this.#connection.query
      .selectFrom("deviceLists")
      .selectAll()
      .where("accountId", "=", accountId)
      .orderBy("version")
      .execute();
  }

  async devices(accountId: AccountId): Promise<Device[]> {
    return await this.#connection.query
      .selectFrom("devices")
      .selectAll()
      .where("accountId", "=", accountId)
      .execute();
  }

  async device(accountId: AccountId, deviceId: DeviceId): Promise<Device | undefined> {
    return await this.#connection.query
      .selectFrom("devices")
      .selectAll()
      .where("accountId", "=", accountId)
      .where("deviceId", "=", deviceId)
      .executeTakeFirst();
  }
}

async function insertList(transaction: Transaction<Schema>, list: NewDeviceList): Promise<void> {
  const { accountId, version, signedList, salt, entry, opening, devices } = list;
  await transaction
    .insertInto("deviceLists")
    .values({ accountId, version, signedList, salt, entry })
    .execute();
  await transaction
    .insertInto("openings")
    .values({ origin: "identity", entry, kind: "device-list", logIndex: null, opening })
    .execute();
  const gone = transaction.deleteFrom("devices").where("accountId", "=", accountId);
  const ids = devices.map(({ deviceId }) => deviceId);
  await (ids.length > 0 ? gone.where("deviceId", "not in", ids) : gone).execute();
  for (const device of devices) {
    await transaction
      .insertInto("devices")
      .values({ accountId, ...device })
      .onConflict((conflict) =>
        conflict.columns(["accountId", "deviceId"]).doUpdateSet({ signatureKey: device.signatureKey }),
      )
      .execute();
  }
}
