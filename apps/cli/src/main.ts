import { PortcullisError } from "@portcullis/protocol";
import { CliError } from "./errors.ts";

type Command = (args: readonly string[]) => Promise<number>;

/** Each command's code is loaded when it is asked for: verifying evidence needs no server. */
const commands: Readonly<Record<string, { readonly about: string; readonly load: () => Promise<Command> }>> =
  {
    demo: {
      about: "the whole system on this machine: people talk, an order opens what it names, anyone checks",
      load: async () => (await import("./demo/demo.ts")).demo,
    },
    chat: {
      about: "talk in the terminal, in sealed and recorded conversations",
      load: async () => (await import("./chat/chat.ts")).chat,
    },
    serve: {
      about: "run a server",
      load: async () => (await import("./serve.ts")).serve,
    },
    invite: {
      about: "make an invitation to one's own server",
      load: async () => (await import("./invite.ts")).invite,
    },
    reports: {
      about: "read what members of one's own server have reported, and close it",
      load: async () => (await import("./reports.ts")).reports,
    },
    verify: {
      about: "check evidence offline",
      load: async () => (await import("./verify.ts")).verify,
    },
  };

function usage(): string {
  const rows = Object.entries(commands).map(([name, { about }]) => `  portcullis ${name.padEnd(8)} ${about}`);
  return `usage:\n${rows.join("\n")}\n\n"portcullis COMMAND --help" says more.\n`;
}

async function run(name: string | undefined, args: readonly string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "help") {
    process.stdout.write(usage());
    return 0;
  }
  const command = commands[name];
  if (command === undefined)
    throw new CliError("CLI_UNKNOWN_COMMAND", { command: name, known: Object.keys(commands) });
  return (await command.load())(args);
}

/** A coded error is for people to read; anything else is a defect and keeps its stack. */
function explain(error: unknown): string {
  if (!(error instanceof PortcullisError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const facts = Object.entries(error.facts).map(
    ([name, value]) => `  ${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return [error.message, ...facts].join("\n");
}

try {
  process.exitCode = await run(process.argv[2], process.argv.slice(3));
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
