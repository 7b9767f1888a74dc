import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CliError } from "./errors.ts";

/** What a server's operator may do with it is done with the token in its data directory. @throws CliError CLI_OPTION */
export function operatorTokenIn(directory: string): string {
  try {
    return readFileSync(join(directory, "operator-token"), "utf8").trim();
  } catch {
    throw new CliError("CLI_OPTION", { option: "--data", expected: "the data directory of a server" });
  }
}
