import {
  fromBase64Url,
  PortcullisError,
  reportStates,
  type ReportResolution,
  type ReportsAnswer,
  type ReportState,
} from "@portcullis/protocol";
import { actOf, decodeMimiContent } from "@portcullis/protocol/content";
import { plainText } from "./chat/plain-text.ts";
import { parseCommandLine } from "./command-line.ts";
import { CliError } from "./errors.ts";
import { requestJson } from "./http.ts";
import { operatorTokenIn } from "./operator.ts";

type StandingReport = ReportsAnswer["reports"][number];

/** A server's reports, as its operator asks for them. */
interface Desk {
  readonly url: string;
  readonly token: string;
}

const usage = `usage: portcullis reports list [--state STATE]
       portcullis reports show N
       portcullis reports resolve N --state STATE [--note TEXT]

  --server URL   the server (default: http://127.0.0.1:8448)
  --data DIR     the server's data directory, where its operator token lies (default: data/server)
  --state STATE  one of ${reportStates.join(", ")}
  --note TEXT    why, for whoever looks later

A report shows one message, which its server has proved to be as it was sent, and no other.
`;

/** What members have reported. */
export async function reports(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const desk = { url: values.server, token: operatorTokenIn(values.data) };
  const [task = "list", number] = positionals;
  switch (task) {
    case "list":
      for await (const report of listed(desk, stateNamed(values.state ?? "open")))
        console.log(lineOf(report));
      return 0;
    case "show":
      console.log(pageOf(await reportOf(desk, number)));
      return 0;
    case "resolve": {
      const state = stateNamed(values.state);
      await resolve(desk, await reportOf(desk, number), { state, note: values.note });
      return 0;
    }
    default:
      throw new CliError("CLI_OPTION", { option: task, expected: "list, show or resolve" });
  }
}

function parse(args: readonly string[]) {
  return parseCommandLine({
    args: [...args],
    allowPositionals: true,
    options: {
      server: { type: "string", default: "http://127.0.0.1:8448" },
      data: { type: "string", default: "data/server" },
      state: { type: "string" },
      note: { type: "string", default: "" },
      help: { type: "boolean", default: false },
    },
  });
}

/** In the order in which they came; the server gives them by the page. */
async function* listed({ url, token }: Desk, state: ReportState): AsyncGenerator<StandingReport> {
  for (let after = 0; ;) {
    const page = await requestJson<ReportsAnswer>(`${url}/v1/reports?state=${state}&after=${after}`, {
      token,
    });
    yield* page.reports;
    const last = page.reports.at(-1);
    if (last === undefined) return;
    after = last.position;
  }
}

/** Whatever has become of it. @throws CliError CLI_REPORT_UNKNOWN */
async function reportOf({ url, token }: Desk, number: string | undefined): Promise<StandingReport> {
  if (number === undefined || !/^[1-9][0-9]{0,14}$/.test(number))
    throw new CliError("CLI_OPTION", { option: "N", expected: "the number of a report" });
  const position = Number(number);
  for (const state of reportStates) {
    const path = `/v1/reports?state=${state}&after=${position - 1}`;
    const page = await requestJson<ReportsAnswer>(url + path, { token });
    const found = page.reports.find((report) => report.position === position);
    if (found !== undefined) return found;
  }
  throw new CliError("CLI_REPORT_UNKNOWN", { report: position });
}

async function resolve({ url, token }: Desk, report: StandingReport, body: ReportResolution): Promise<void> {
  await requestJson(`${url}/v1/reports/${report.reportId}/resolution`, { method: "POST", token, body });
}

function stateNamed(name: string | undefined): ReportState {
  const state = reportStates.find((known) => known === name);
  if (state === undefined)
    throw new CliError("CLI_OPTION", { option: "--state", expected: reportStates.join(", ") });
  return state;
}

function lineOf({ position, reportedAtMs, state, reason, message }: StandingReport): string {
  return `${String(position).padStart(5)}  ${timeOf(reportedAtMs)}  ${state}  ${reason}  about account ${message.senderAccountId}`;
}

function pageOf(report: StandingReport): string {
  const { message } = report;
  const rows = [
    ["report", String(report.position)],
    ["state", report.note === "" ? report.state : `${report.state}: ${report.note}`],
    ["reported", `${timeOf(report.reportedAtMs)} by account ${report.reportedBy}`],
    ["reason", report.comment === "" ? report.reason : `${report.reason}: ${report.comment}`],
    ["conversation", message.conversationId],
    [
      "sent",
      `${timeOf(message.acceptedAtMs)} by account ${message.senderAccountId}, device ${message.senderDeviceId}`,
    ],
    ["message", saidIn(message)],
  ];
  return rows.map(([name = "", value = ""]) => `${name.padEnd(13)} ${plainText(value)}`).join("\n");
}

/** The server has proved who sent these bytes, not that they can be read. */
function saidIn({ applicationData }: StandingReport["message"]): string {
  try {
    const act = actOf(decodeMimiContent(fromBase64Url(applicationData)));
    if (act === undefined || !("body" in act))
      return `(no text: ${act?.kind ?? "nothing that is known here"})`;
    const names = act.body.attachments.map(({ part }) => `(attached: ${part.filename})`);
    return [...(act.body.text === "" ? [] : [act.body.text]), ...names].join("\n");
  } catch (error) {
    if (error instanceof PortcullisError) return `(cannot be read: ${error.code})`;
    throw error;
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
