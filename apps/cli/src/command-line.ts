import { parseArgs, type ParseArgsConfig } from "node:util";
import { CliError } from "./errors.ts";

/** What was typed behind a command, read by the options that it has. @throws CliError CLI_OPTION */
export function parseCommandLine<const Config extends ParseArgsConfig>(
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new CliError("CLI_OPTION", { problem: error instanceof Error ? error.message : String(error) });
  }
}
