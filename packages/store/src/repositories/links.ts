import type { Selectable } from "kysely";
import { equalBytes, type DeviceReference } from "@portcullis/protocol";
import type { LinkTable } from "../schema.ts";
import type { Connection } from "./connection.ts";

export type Link = Pick<Selectable<LinkTable>, "linkId" | "tokenHash" | "offer" | "expiresAtMs">;

/** When a call was made, until when the mailbox stays after it, and how many there may be. */
export interface LinkTerms {
  readonly nowMs: number;
  readonly expiresAtMs: number;
  readonly most: number;
}

/**
 * Mailboxes in which a device that is new and one that its account has meet. The new one, who has its token, left an
 * offer; the first device that asks for the offer answers, and nobody else.
 */
export class Links {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Again with the same token is the same as once. Those that have expired go. `most`: of all that wait for an answer. */
  async open(
    link: Link,
    { nowMs, most }: Omit<LinkTerms, "expiresAtMs">,
  ): Promise<"opened" | "too-many" | "taken"> {
    return await this.#connection.durably("link", async (transaction) => {
      await transaction.deleteFrom("links").where("expiresAtMs", "<=", nowMs).execute();
      const stands = await transaction
        .selectFrom("links")
        .select(["tokenHash", "offer"])
        .where("linkId", "=", link.linkId)
        .executeTakeFirst();
      if (stands !== undefined)
        return equalBytes(stands.tokenHash, link.tokenHash) && equalBytes(stands.offer, link.offer)
          ? "opened"
          : "taken";
      const { open } = await transaction
        .selectFrom("links")
        .select((select) => select.fn.countAll<number>().as("open"))
        .where("accountId", "is", null)
        .executeTakeFirstOrThrow();
      if (open >= most) return "too-many";
      await transaction.insertInto("links").values(link).execute();
      return "opened";
    });
  }

  /** The offer, for the device that will answer it. `most`: of those that one account answers at a time. */
  async claim(
    linkId: Uint8Array,
    { accountId, deviceId }: DeviceReference,
    { nowMs, expiresAtMs, most }: LinkTerms,
  ): Promise<Uint8Array | "unknown" | "taken" | "too-many"> {
    return await this.#connection.durably("link-claim", async (transaction) => {
      const link = await transaction
        .selectFrom("links")
        .selectAll()
        .where("linkId", "=", linkId)
        .where("expiresAtMs", ">", nowMs)
        .executeTakeFirst();
      if (link === undefined) return "unknown";
      if (link.accountId !== null) return isOf(link, { accountId, deviceId }) ? link.offer : "taken";
      const { claimed } = await transaction
        .selectFrom("links")
        .select((select) => select.fn.countAll<number>().as("claimed"))
        .where("accountId", "=", accountId)
        .where("expiresAtMs", ">", nowMs)
        .executeTakeFirstOrThrow();
      if (claimed >= most) return "too-many";
      await transaction
        .updateTable("links")
        .set({ accountId, deviceId, expiresAtMs })
        .where("linkId", "=", linkId)
        .execute();
      return link.offer;
    });
  }

  /** The first answer stays. */
  async answer(
    linkId: Uint8Array,
    device: DeviceReference,
    { answer, nowMs }: { readonly answer: Uint8Array; readonly nowMs: number },
  ): Promise<"left" | "unknown" | "taken"> {
    return await this.#connection.durably("link-answer", async (transaction) => {
      const link = await transaction
        .selectFrom("links")
        .selectAll()
        .where("linkId", "=", linkId)
        .where("expiresAtMs", ">", nowMs)
        .executeTakeFirst();
      if (link === undefined) return "unknown";
      if (!isOf(link, device)) return "taken";
      if (link.answer === null)
        await transaction.updateTable("links").set({ answer }).where("linkId", "=", linkId).execute();
      return "left";
    });
  }

  /** For whoever has the token: undefined when there is no such mailbox, null while nobody has answered. */
  async read(
    linkId: Uint8Array,
    tokenHash: Uint8Array,
    nowMs: number,
  ): Promise<Uint8Array | null | undefined> {
    const link = await this.#connection.query
      .selectFrom("links")
      .select(["answer", "tokenHash"])
      .where("linkId", "=", linkId)
      .where("expiresAtMs", ">", nowMs)
      .executeTakeFirst();
    return link !== undefined && equalBytes(link.tokenHash, tokenHash) ? link.answer : undefined;
  }

  /** The first of an index stays. `most`: of those that wait. */
  async putChunk(
    { linkId, index, chunk }: { linkId: Uint8Array; index: number; chunk: Uint8Array },
    device: DeviceReference,
    { nowMs, expiresAtMs, most }: LinkTerms,
  ): Promise<"left" | "unknown" | "taken" | "full"> {
    return await this.#connection.durably("link-chunk", async (transaction) => {
      const link = await transaction
        .selectFrom("links")
        .selectAll()
        .where("linkId", "=", linkId)
        .where("expiresAtMs", ">", nowMs)
        .executeTakeFirst();
      if (link === undefined) return "unknown";
      if (!isOf(link, device)) return "taken";
      const { waiting } = await transaction
        .selectFrom("linkChunks")
        .select((select) => select.fn.countAll<number>().as("waiting"))
        .where("linkId", "=", linkId)
        .where("chunkIndex", "!=", index)
        .executeTakeFirstOrThrow();
      if (waiting >= most) return "full";
      await transaction
        .insertInto("linkChunks")
        .values({ linkId, chunkIndex: index, chunk })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      await transaction.updateTable("links").set({ expiresAtMs }).where("linkId", "=", linkId).execute();
      return "left";
    });
  }

  /** For whoever has the token, who has those before; null while it has not come, undefined for everybody else. */
  async takeChunk(
    { linkId, tokenHash, index }: { linkId: Uint8Array; tokenHash: Uint8Array; index: number },
    nowMs: number,
  ): Promise<Uint8Array | null | undefined> {
    if ((await this.read(linkId, tokenHash, nowMs)) === undefined) return undefined;
    const wanted = await this.#connection.query
      .selectFrom("linkChunks")
      .select("chunk")
      .where("linkId", "=", linkId)
      .where("chunkIndex", "=", index)
      .executeTakeFirst();
    if (wanted === undefined) return null;
    await this.#connection.durably("link-chunks-taken", async (transaction) => {
      await transaction
        .deleteFrom("linkChunks")
        .where("linkId", "=", linkId)
        .where("chunkIndex", "<", index)
        .execute();
    });
    return wanted.chunk;
  }

  /** Whoever has the token is done with it. */
  async close(linkId: Uint8Array, tokenHash: Uint8Array): Promise<void> {
    await this.#connection.durably("link-close", async (transaction) => {
      await transaction
        .deleteFrom("links")
        .where("linkId", "=", linkId)
        .where("tokenHash", "=", tokenHash)
        .execute();
    });
  }
}

function isOf(
  link: Pick<Selectable<LinkTable>, "accountId" | "deviceId">,
  { accountId, deviceId }: DeviceReference,
): boolean {
  return (
    link.accountId !== null &&
    link.deviceId !== null &&
    equalBytes(link.accountId, accountId) &&
    equalBytes(link.deviceId, deviceId)
  );
}
