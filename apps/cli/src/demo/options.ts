import { parseCommandLine } from "../command-line.ts";
import { CliError } from "../errors.ts";

export interface DemoOptions {
  /** A chat export; the built-in one when absent. */
  readonly transcript?: string;
  /** Whose words the order opens, and when; the busiest half hour of the busiest person when absent. */
  readonly request?: { readonly account: string; readonly fromMs: number; readonly toMs: number };
  readonly wholeConversation: boolean;
  readonly out: string;
  readonly data: string;
  /** Exit when done. */
  readonly once: boolean;
}

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?Z$/;

export const demoUsage = `usage: npm start -- [options]

  --transcript FILE      replay this chat export: lines "[dd/mm/yyyy, hh:mm:ss] Name: text"
  --account NAME         whose words the order asks for
  --from ISO --to ISO    the time it asks for, aligned to quarters of an hour, such as 2024-03-14T09:00:00Z
  --whole-conversation   ask for all that was said while that account was a member
  --out DIR              report, ledger and evidence go here (default: out)
  --data DIR             what the programs keep goes here (default: data)
  --once                 exit when done instead of staying up
`;

/** @throws CliError CLI_OPTION */
export function parseDemoOptions(args: readonly string[]): DemoOptions {
  const { values } = parse(args);
  const request = [values.account, values.from, values.to];
  if (request.some((value) => value !== undefined) && request.some((value) => value === undefined)) {
    throw new CliError("CLI_OPTION", { option: "--account, --from and --to", expected: "all three or none" });
  }
  return {
    ...(values.transcript === undefined ? {} : { transcript: values.transcript }),
    ...(values.account === undefined
      ? {}
      : {
          request: {
            account: values.account,
            fromMs: instant("--from", values.from),
            toMs: instant("--to", values.to),
          },
        }),
    wholeConversation: values["whole-conversation"],
    out: values.out,
    data: values.data,
    once: values.once,
  };
}

function parse(args: readonly string[]) {
  return parseCommandLine({
    args: [...args],
    options: {
      transcript: { type: "string" },
      account: { type: "string" },
      from: { type: "string" },
      to: { type: "string" },
      "whole-conversation": { type: "boolean", default: false },
      out: { type: "string", default: "out" },
      data: { type: "string", default: "data" },
      once: { type: "boolean", default: false },
    },
  });
}

function instant(option: string, text: string | undefined): number {
  const ms = text !== undefined && ISO.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new CliError("CLI_OPTION", { option, expected: "a time in UTC such as 2024-03-14T09:00:00Z" });
  return ms;
}
