import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

/** A fresh folder that is removed when the test file ends. */
export function temporaryDirectory(): string {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
