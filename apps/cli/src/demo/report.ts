import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { World } from "./world.ts";

/** What the main job found, in numbers. `out/report.json`. */
export interface Report {
  /** Of the transcript. */
  readonly messages: number;
  readonly conversations: number;
  readonly bucketsSealed: number;
  readonly bucketsOpened: number;
  readonly messagesOpened: number;
  /** Records outside the order's scope that open with any of the keys that the order yielded: every pair is tried. */
  readonly messagesOutsideScopeOpened: number;
  readonly sealedOpened: number;
  readonly ledgerSize: number;
  /** Independent witnesses on the last checkpoint; custodians' cosignatures do not count. */
  readonly witnesses: number;
  /** Texts of the transcript found in the server's directory, in any form. */
  readonly plaintextFoundInServerData: number;
}

export interface OutFiles {
  readonly report: Report;
  readonly evidence: ReadonlyMap<string, Uint8Array>;
  /** The text of trust.json. */
  readonly trust: string;
}

/** Everything that the main job leaves behind. */
export function writeOut(out: string, world: World, { report, evidence, trust }: OutFiles): void {
  for (const name of ["ledger", "evidence"]) rmSync(join(out, name), { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(out, "trust.json"), trust);
  for (const [path, bytes] of evidence) {
    const file = join(out, "evidence", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  copyLedger(ledgerFolder(world), join(out, "ledger"));
  writeFileSync(join(out, "ledger", "vkeys"), [world.server.accessLog, ...world.witnesses, ""].join("\n"));
}

const COPYING_ATTEMPTS = 50;

/** The log grows while it is copied: a copy counts when the checkpoint is the same before and after. */
function copyLedger(from: string, to: string): void {
  for (let attempt = 1; ; attempt++) {
    const before = readFileSync(join(from, "checkpoint"), "utf8");
    try {
      rmSync(to, { recursive: true, force: true });
      cpSync(from, to, { recursive: true });
      if (
        readFileSync(join(to, "checkpoint"), "utf8") === before &&
        readFileSync(join(from, "checkpoint"), "utf8") === before
      )
        return;
    } catch (error) {
      if (attempt === COPYING_ATTEMPTS) throw error;
    }
    if (attempt === COPYING_ATTEMPTS) throw new Error("the ledger never stood still");
  }
}

/** The access log's static files: `checkpoint` and `tile/`. */
export function ledgerFolder({ server }: World): string {
  return join(server.folder, "access-log", "public");
}
