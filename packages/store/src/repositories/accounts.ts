import type { Selectable, Transaction } from "kysely";
import { equalBytes, foldHandle, handleSkeleton, type AccountId, type DeviceId } from "@portcullis/protocol";
import type { AccountTable, DeviceListTable, DeviceTable, Schema } from "../schema.ts";
import type { Connection } from "./connection.ts";
import { useInvite } from "./invites.ts";

export type Account = Selectable<AccountTable>;
export type StoredDeviceList = Selectable<DeviceListTable>;
export type Device = Selectable<DeviceTable>;

export type AccountOutcome =
  | "created"
  | "handle-taken"
  | "handle-confusable"
  | "account-exists"
  | Exclude<Awaited<ReturnType<typeof useInvite>>, "used">;

/** One version of an account's device list, with the entry that goes into the identity log in the same transaction. */
export interface NewDeviceList extends StoredDeviceList {
  /** What the entry hides from those who see only the log. */
  readonly opening: Uint8Array;
  readonly devices: readonly Omit<Device, "accountId" | "lastSeenDay">[];
}

/** Who has an account, with which handle and devices; every version of every signed device list. */
export class Accounts {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** With an invitation, counts it down in the same transaction. */
  async create(
    account: { handle: string; createdAtMs: number },
    list: NewDeviceList,
    invite?: { readonly inviteHash: Uint8Array; readonly nowMs: number },
  ): Promise<AccountOutcome> {
    return await this.#connection.durably("account", async (transaction) => {
      const { accountId, version } = list;
      const folded = foldHandle(account.handle);
      const skeleton = handleSkeleton(account.handle);
      const taken = await transaction
        .selectFrom("accounts")
        .select(["accountId", "folded", "skeleton"])
        .where((where) =>
          where.or([
            where("folded", "=", folded),
            where("skeleton", "=", skeleton),
            where("accountId", "=", accountId),
          ]),
        )
        .execute();
      if (taken.some((other) => other.folded === folded)) return "handle-taken";
      if (taken.some((other) => equalBytes(other.accountId, accountId))) return "account-exists";
      if (taken.length > 0) return "handle-confusable";
      const admitted = invite === undefined ? "used" : await useInvite(transaction, invite);
      if (admitted !== "used") return admitted;
      await transaction
        .insertInto("accounts")
        .values({ accountId, version, ...account, folded, skeleton })
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

  /** Typed in whatever case. */
  async byHandle(handle: string): Promise<Account | undefined> {
    return await this.#connection.query
      .selectFrom("accounts")
      .selectAll()
      .where("folded", "=", foldHandle(handle))
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

  /** At most one write a day for each device. */
  async seen(accountId: AccountId, deviceId: DeviceId, day: number): Promise<void> {
    const device = await this.device(accountId, deviceId);
    if (device === undefined || device.lastSeenDay === day) return;
    await this.#connection.durably("seen", async (transaction) => {
      await transaction
        .updateTable("devices")
        .set({ lastSeenDay: day })
        .where("accountId", "=", accountId)
        .where("deviceId", "=", deviceId)
        .execute();
    });
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
      .values({ accountId, ...device, lastSeenDay: null })
      .onConflict((conflict) =>
        conflict.columns(["accountId", "deviceId"]).doUpdateSet({ signatureKey: device.signatureKey }),
      )
      .execute();
  }
}
