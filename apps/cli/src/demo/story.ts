import { relative } from "node:path";
import type { VerifiedPolicy } from "@portcullis/access";
import type { OpenedMessage } from "@portcullis/access";
import type { ReadNotice } from "@portcullis/client";
import { toHex } from "@portcullis/protocol";
import type { CrewCounters } from "./crew-calls.ts";
import type { Decision, OrderRequest, PlacedOrder } from "./lawful-access.ts";
import type { MemoryWatch } from "./memory-watch.ts";
import { usageOf, type Program } from "./program.ts";
import type { Report } from "./report.ts";
import type { World } from "./world.ts";

const SHOWN = 12;
const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
const short = (bytes: Uint8Array): string => `${toHex(bytes).slice(0, 16)}…`;

/** Tells people what happens, and what each party saw of it. */
export class Story {
  readonly #out: NodeJS.WriteStream;
  readonly #startedAt = performance.now();

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
  }

  chapter(title: string): void {
    this.#out.write(`\n${title}\n`);
  }

  note(text: string): void {
    this.#out.write(`  ${text}\n`);
  }

  #row(who: string, what: string): void {
    this.note(`${who.padEnd(24)} ${what}`);
  }

  founded({ id, policy }: VerifiedPolicy): void {
    for (const { name, threshold, custodians } of policy.quorums) {
      this.#row(
        `quorum "${name}"`,
        `${threshold} of ${custodians.length}: ${custodians.map((custodian) => custodian.id).join(", ")}`,
      );
    }
    this.#row("policy", `${short(id)}, signed by every custodian and the registrar, in the ledger`);
    this.#row("keys", "made by the custodians together; nobody ever held a whole one");
  }

  conversations(founder: string, members: number): void {
    this.#row(founder, `starts two conversations with ${members} members`);
    this.#row("recorded", "can be opened: judge and authority, ledger, every quorum");
    this.#row("sealed", "can be opened by nobody");
  }

  talked(counters: readonly CrewCounters[], people: number): void {
    const sum = (name: "sent" | "received" | "recordsVerified"): number =>
      counters.reduce((total, counter) => total + counter[name], 0);
    this.#row(
      `${people} clients`,
      `sent ${sum("sent")}, decrypted ${sum("received")}, opened and compared ${sum("recordsVerified")} records`,
    );
    this.#row("", "all of them hold every message once, in the same order");
    this.#row("server", "saw who, when and how much, and no text");
  }

  ordered({ account, fromMs, toMs, wholeConversation }: OrderRequest, { hash, index }: PlacedOrder): void {
    const what = wholeConversation
      ? `the conversation with ${account.handle}`
      : `what ${account.handle} wrote`;
    this.#row("officer and judge", `sign an order for ${what}, ${time(fromMs)} to ${time(toMs)}`);
    this.#row("ledger", `entry ${index} hides the order ${short(hash)}; two witnesses cosign`);
  }

  decision({ custodian, refusal }: Decision): void {
    this.#row(
      custodian.id,
      refusal === undefined
        ? `checks everything itself and approves ("${custodian.quorum}")`
        : `refuses: ${refusal}`,
    );
  }

  oneShort(missing: string, shares: number): void {
    this.#row(
      "officer",
      `holds ${shares} shares: while ${missing} has not approved, nobody releases anything`,
    );
  }

  released(custodians: readonly string[]): void {
    this.#row("ledger", "a release of each custodian, before any share leaves");
    this.#row("officer", `gets shares, sealed to the key in the order, of ${custodians.join(", ")}`);
  }

  opened(messages: readonly OpenedMessage[], outside: number): void {
    this.#row("officer", `opens ${messages.length} messages, and of all other records ${outside}`);
    for (const { acceptedAtMs, handle, text } of messages.slice(0, SHOWN)) {
      this.note(
        `    ${new Date(acceptedAtMs).toISOString().slice(11, 19)}  ${handle}: ${(text ?? "(not a text)").replaceAll("\n", " ⏎ ")}`,
      );
    }
    if (messages.length > SHOWN) this.note(`    … and ${messages.length - SHOWN} more, in the evidence`);
  }

  notified(account: string, notices: readonly ReadNotice[], other: string, othersNotices: number): void {
    for (const { instrument, judge, from, to } of notices) {
      this.#row(
        account,
        `is told: ${judge} allowed an opening from ${time(from * 1000)} to ${time(to * 1000)}`,
      );
      this.#row("", instrument);
    }
    this.#row(other, `is told of ${othersNotices} openings`);
  }

  report(report: Report, out: string): void {
    this.#row("plaintext found", String(report.plaintextFoundInServerData));
    this.#row(
      "ledger",
      `${report.ledgerSize} entries, nearly all of them dummies, cosigned by ${report.witnesses} witnesses`,
    );
    this.#row("written to", relative(process.cwd(), out) || ".");
  }

  /** Where time and memory went, where the system tells. */
  costs(programs: readonly Program[], counters: readonly CrewCounters[], memory: MemoryWatch): void {
    const own = usageOf("self");
    if (own === undefined) return;
    this.chapter(
      `Where the time went: ${((performance.now() - this.#startedAt) / 1000).toFixed(0)} s in all`,
    );
    const clients = counters.reduce((total, { cpuSeconds }) => total + cpuSeconds, 0);
    const received = counters.reduce((total, counter) => total + counter.received, 0);
    const rows = programs.flatMap((program) => {
      const usage = program.usage();
      return usage === undefined ? [] : [{ name: program.name, ...usage }];
    });
    this.#row(
      "clients",
      `${clients.toFixed(1)} s of CPU, ${((clients / Math.max(received, 1)) * 1e3).toFixed(2)} ms for each message received`,
    );
    for (const { name, cpuSeconds, peakMegabytes } of rows)
      this.#row(name, `${cpuSeconds.toFixed(1)} s of CPU, ${peakMegabytes} MB at most`);
    this.#row(
      "this process",
      `${own.cpuSeconds.toFixed(1)} s of CPU with all clients in it, ${own.peakMegabytes} MB at most`,
    );
    this.#row(
      "all together",
      `${Math.round(memory.peakBytes / 2 ** 20)} MB at most, what is shared counted once`,
    );
  }

  whatNext(out: string, { server, custodians }: World): void {
    const folder = relative(process.cwd(), out) || ".";
    this.chapter("What to try next");
    this.note(
      `npx --no-install portcullis verify ${folder}/evidence      check the evidence offline; change a byte and try again`,
    );
    this.note(`cat ${folder}/report.json`);
    this.note(`curl ${server.url}/ledger/checkpoint                  what everybody can see`);
    this.note(`curl ${server.url}/openapi.json                       the server's API`);
    this.note(`curl ${custodians[0]?.url ?? ""}/v1/keys                         one custodian's public keys`);
    this.note("npm start -- --transcript FILE --whole-conversation      your own chat export");
    this.note("");
    this.note("All programs stay up until Ctrl-C.");
  }
}
