import { parseCommandLine } from "../command-line.ts";
import { CliError } from "../errors.ts";
import { ChatSession } from "./chat-session.ts";
import { errorLine } from "./describe.ts";
import { openAccount, type Entrance } from "./open-account.ts";
import { TerminalScreen } from "./screen.ts";

const usage = `usage: portcullis chat --data DIR [--invite LINK --handle NAME | --server URL --link]

  --data DIR     where this device's account is kept, readable by you alone
  --invite LINK  the first time: make an account with this invitation
  --handle NAME  as which others find it
  --server URL   where the server is, when it is not where the invitation says
  --link         the first time: make this a further device of your account; shows a code for the other one

Type a line to send it; /help lists the commands. Works in a pipe too.
`;

/** Talk in the terminal. */
export async function chat(args: readonly string[]): Promise<number> {
  const values = parse(args);
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (values.data === undefined)
    throw new CliError("CLI_OPTION", { option: "--data", expected: "a directory" });
  const client = await openAccount(values.data, entranceOf(values));
  const screen = new TerminalScreen(process.stdin, process.stdout);
  // Lines that come meanwhile wait in the iterator.
  const lines = screen.lines()[Symbol.asyncIterator]();
  const session = new ChatSession(client, screen);
  try {
    screen.print(`You are ${client.handle}. /help lists the commands.`);
    await session.take("/list");
    // What is here can be read, and what is said waits, while the server is not.
    client.connect().catch((error: unknown) => screen.print(errorLine(error)));
    for (let next = await lines.next(); next.done !== true; next = await lines.next())
      if (!(await session.take(next.value))) break;
    await session.settled();
    return 0;
  } finally {
    screen.close();
    await client.close();
  }
}

function parse(args: readonly string[]) {
  return parseCommandLine({
    args: [...args],
    options: {
      data: { type: "string" },
      server: { type: "string" },
      invite: { type: "string" },
      handle: { type: "string" },
      link: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  }).values;
}

function entranceOf({ invite, handle, server, link }: ReturnType<typeof parse>): Entrance {
  if (invite !== undefined) {
    if (handle === undefined || link)
      throw new CliError("CLI_OPTION", {
        option: "--handle",
        expected: "a handle beside --invite, and no --link",
      });
    return { way: "invite", link: invite, handle, ...(server !== undefined && { server }) };
  }
  if (!link) return { way: "kept" };
  if (server === undefined) throw new CliError("CLI_OPTION", { option: "--server", expected: "a URL" });
  const show = ({ text }: { readonly text: string }): void =>
    console.log(`Type this on a device of your account: /link ${text}`);
  return { way: "link", server, show };
}
