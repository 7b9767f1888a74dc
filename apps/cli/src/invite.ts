import { randomBytes } from "node:crypto";
import { createOperatorInvite } from "@portcullis/client";
import { parseCommandLine } from "./command-line.ts";
import { CliError } from "./errors.ts";
import { operatorTokenIn } from "./operator.ts";

const usage = `usage: portcullis invite [--server URL] [--data DIR] [--uses N] [--days N]

  --server URL   as the guest will reach it (default: http://127.0.0.1:8448)
  --data DIR     the server's data directory, where its operator token lies (default: data/server)
  --uses N       how many accounts can be made with it (1)
  --days N       for how many days (7)

Prints a link. Whoever has it can make an account: hand it on as you would a key.
`;

/** A link that makes somebody a member of one's own server. */
export async function invite(args: readonly string[]): Promise<number> {
  const values = parse(args);
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const link = await createOperatorInvite({
    server: values.server,
    operatorToken: operatorTokenIn(values.data),
    fetch,
    random: (length) => new Uint8Array(randomBytes(length)),
    terms: {
      uses: wholeNumber("--uses", values.uses),
      lifetimeSeconds: wholeNumber("--days", values.days) * 86_400,
    },
  });
  console.log(link);
  return 0;
}

function parse(args: readonly string[]) {
  return parseCommandLine({
    args: [...args],
    options: {
      server: { type: "string", default: "http://127.0.0.1:8448" },
      data: { type: "string", default: "data/server" },
      uses: { type: "string", default: "1" },
      days: { type: "string", default: "7" },
      help: { type: "boolean", default: false },
    },
  }).values;
}

function wholeNumber(option: string, text: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(text))
    throw new CliError("CLI_OPTION", { option, expected: "a whole number" });
  return Number(text);
}
