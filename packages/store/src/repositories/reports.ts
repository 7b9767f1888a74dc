import type { Selectable } from "kysely";
import type { ReportTable } from "../schema.ts";
import type { Connection } from "./connection.ts";

export type StoredReport = Selectable<ReportTable>;
export type NewReport = Omit<StoredReport, "position" | "state" | "note">;

const DAY_MS = 86_400_000;
/** Reports on one page. */
const PAGE = 50;

/** Messages that members have reported, and what the operator has made of it. */
export class Reports {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Again with the same id is the same as once. `most`: how many an account makes in a day. */
  async add(report: NewReport, most: number): Promise<"added" | "too-many"> {
    return await this.#connection.durably("report", async (transaction) => {
      const { reportId, reportedBy, reportedAtMs } = report;
      const { made } = await transaction
        .selectFrom("reports")
        .select((select) => select.fn.countAll<number>().as("made"))
        .where("reportedBy", "=", reportedBy)
        .where("reportedAtMs", ">", reportedAtMs - DAY_MS)
        .where("reportId", "!=", reportId)
        .executeTakeFirstOrThrow();
      if (made >= most) return "too-many";
      await transaction
        .insertInto("reports")
        .values({ ...report, state: "open", note: "" })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      return "added";
    });
  }

  /** Those in this state behind a place, oldest first; a page of them. */
  async list(state: string, after: number): Promise<StoredReport[]> {
    return await this.#connection.query
      .selectFrom("reports")
      .selectAll()
      .where("state", "=", state)
      .where("position", ">", after)
      .orderBy("position")
      .limit(PAGE)
      .execute();
  }

  /** False when there is no such report. */
  async resolve(reportId: Uint8Array, state: string, note: string): Promise<boolean> {
    return await this.#connection.durably("report-resolution", async (transaction) => {
      const { numUpdatedRows } = await transaction
        .updateTable("reports")
        .set({ state, note })
        .where("reportId", "=", reportId)
        .executeTakeFirstOrThrow();
      return numUpdatedRows > 0n;
    });
  }
}
