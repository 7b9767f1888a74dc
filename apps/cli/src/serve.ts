import { toBase64Url } from "@portcullis/protocol";
import { jsonLog, runServer } from "@portcullis/server";
import { parseCommandLine } from "./command-line.ts";
import { CliError } from "./errors.ts";

const usage = `usage: portcullis serve --provider HOST [--data DIR] [--port N] [--host ADDRESS] [--witness VKEY=URL ...]

  --provider HOST      the name of this server in everybody's addresses; it can never change
  --data DIR           where everything is kept (default: data/server)
  --port N             (8448)
  --host ADDRESS       (127.0.0.1)
  --witness VKEY=URL   a witness whose cosignature every checkpoint must have
  --members-invite     members may invite others, not only "portcullis invite"
`;

/** A real server, of one's own, until Ctrl-C. */
export async function serve(args: readonly string[]): Promise<number> {
  const { values } = parse(args);
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (values.provider === undefined)
    throw new CliError("CLI_OPTION", { option: "--provider", expected: "a host name" });
  const server = await runServer({
    dataDirectory: values.data,
    provider: values.provider,
    host: values.host,
    port: Number(values.port),
    witnesses: values.witness.map(cosigner),
    membersInvite: values["members-invite"],
    log: jsonLog(process.stderr),
  });
  // Before the line that says it listens: whoever reads that line may already send the signal.
  const interrupted = new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
  console.log(`portcullis listens on ${server.url}`);
  console.log(`registration token: ${server.registrationToken}`);
  console.log(`log keys: ${server.accessLog}\n          ${server.identityLog}`);
  console.log(`index:    ${toBase64Url(server.vrfKey)}`);
  await interrupted;
  await server.close();
  return 0;
}

function parse(args: readonly string[]) {
  return parseCommandLine({
    args: [...args],
    options: {
      provider: { type: "string" },
      data: { type: "string", default: "data/server" },
      port: { type: "string", default: "8448" },
      host: { type: "string", default: "127.0.0.1" },
      witness: { type: "string", multiple: true, default: [] },
      "members-invite": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
}

function cosigner(text: string): { vkey: string; url: string } {
  const [, vkey, url] = /^(.*)=(https?:\/\/.*)$/.exec(text) ?? [];
  if (vkey === undefined || url === undefined)
    throw new CliError("CLI_OPTION", { option: "--witness", expected: "VKEY=URL" });
  return { vkey, url: url.replace(/\/$/, "") };
}
