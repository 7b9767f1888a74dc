import type { Selectable, Transaction } from "kysely";
import { equalBytes, type AccountId, type DeviceReference } from "@portcullis/protocol";
import type { BackupTable, Schema } from "../schema.ts";
import type { Connection } from "./connection.ts";

export type Backup = Pick<Selectable<BackupTable>, "generation" | "deviceId" | "head">;

/** A part of a generation, and the head of all until it. */
export interface BackupSegment {
  readonly generation: Uint8Array;
  readonly index: number;
  readonly segment: Uint8Array;
  readonly head: Uint8Array;
}

/**
 * Sealed backups, each an append-only row of segments under a head that goes with the last. A generation that is to take
 * another's place is made beside it, and takes it at once.
 */
export class Backups {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The generation that stands. */
  async standing(accountId: AccountId): Promise<Backup | undefined> {
    return await this.#connection.query
      .selectFrom("backups")
      .select(["generation", "deviceId", "head"])
      .where("accountId", "=", accountId)
      .where("stands", "=", 1)
      .executeTakeFirst();
  }

  async segment(
    accountId: AccountId,
    generation: Uint8Array,
    index: number,
  ): Promise<Uint8Array | undefined> {
    const found = await this.#connection.query
      .selectFrom("backupSegments")
      .select("segment")
      .where("accountId", "=", accountId)
      .where("generation", "=", generation)
      .where("segmentIndex", "=", index)
      .executeTakeFirst();
    return found?.segment;
  }

  /**
   * Adds the next segment; again with the same bytes is the same as once. The first one begins its generation: that
   * stands when none does, and else is one that is being made, in place of another such.
   */
  async append(
    { accountId, deviceId }: DeviceReference,
    { generation, index, segment, head }: BackupSegment,
    most: { readonly segments: number; readonly bytes: number },
  ): Promise<"stored" | "unknown" | "not-next" | "full"> {
    return await this.#connection.durably("backup-segment", async (transaction) => {
      const known = await generationOf(transaction, accountId, generation);
      if (known === undefined && index > 0) return "unknown";
      const { segments, bytes } = known ?? { segments: 0, bytes: 0 };
      if (index < segments) {
        const same = index === segments - 1 && known !== undefined && equalBytes(known.head, head);
        return same ? "stored" : "not-next";
      }
      if (index > segments) return "not-next";
      if (segments >= most.segments || bytes + segment.length > most.bytes) return "full";
      const grown = { deviceId, head, segments: segments + 1, bytes: bytes + segment.length };
      if (known === undefined) {
        const stands = await begin(transaction, accountId);
        await transaction
          .insertInto("backups")
          .values({ accountId, generation, stands, ...grown })
          .execute();
      } else
        await transaction
          .updateTable("backups")
          .set(grown)
          .where("accountId", "=", accountId)
          .where("generation", "=", generation)
          .execute();
      await transaction
        .insertInto("backupSegments")
        .values({ accountId, generation, segmentIndex: index, segment })
        .execute();
      return "stored";
    });
  }

  /** From now on this generation stands, and every other is gone. Again is the same as once. */
  async stand(accountId: AccountId, generation: Uint8Array): Promise<"stands" | "unknown"> {
    return await this.#connection.durably("backup-stands", async (transaction) => {
      if ((await generationOf(transaction, accountId, generation)) === undefined) return "unknown";
      await transaction
        .deleteFrom("backups")
        .where("accountId", "=", accountId)
        .where("generation", "!=", generation)
        .execute();
      await transaction
        .updateTable("backups")
        .set({ stands: 1 })
        .where("accountId", "=", accountId)
        .where("generation", "=", generation)
        .execute();
      return "stands";
    });
  }

  /** All of it, and what is being made. */
  async remove(accountId: AccountId): Promise<void> {
    await this.#connection.durably("backup-removed", async (transaction) => {
      await transaction.deleteFrom("backups").where("accountId", "=", accountId).execute();
    });
  }
}

async function generationOf(
  transaction: Transaction<Schema>,
  accountId: AccountId,
  generation: Uint8Array,
): Promise<Selectable<BackupTable> | undefined> {
  return await transaction
    .selectFrom("backups")
    .selectAll()
    .where("accountId", "=", accountId)
    .where("generation", "=", generation)
    .executeTakeFirst();
}

/** Whether a generation that begins now stands at once; another that was being made is given up. */
async function begin(transaction: Transaction<Schema>, accountId: AccountId): Promise<0 | 1> {
  await transaction
    .deleteFrom("backups")
    .where("accountId", "=", accountId)
    .where("stands", "=", 0)
    .execute();
  const standing = await transaction
    .selectFrom("backups")
    .select("generation")
    .where("accountId", "=", accountId)
    .executeTakeFirst();
  return standing === undefined ? 1 : 0;
}
