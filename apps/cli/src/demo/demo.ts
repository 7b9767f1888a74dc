import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { openBucket, shareBinding } from "@portcullis/access";
import { parseTrust } from "@portcullis/access/evidence";
import { openCheckpoint } from "@portcullis/ledger/verify";
import {
  asAccountId,
  asConversationId,
  equalBytes,
  toBase64Url,
  type AccountId,
  type ConversationClass,
  type ConversationId,
} from "@portcullis/protocol";
import { DemonstrationClockWriter } from "@portcullis/store/directory";
import { CliError } from "../errors.ts";
import { chooseRequest, type Request } from "./choose-request.ts";
import { Crew } from "./crew.ts";
import { freshFolder } from "./directories.ts";
import { BUCKET_SECONDS, found, type Founded } from "./founding.ts";
import { handlesOf } from "./handles.ts";
import { askToApprove, placeOrder, until, type OrderRequest, type PlacedOrder } from "./lawful-access.ts";
import { MemoryWatch } from "./memory-watch.ts";
import { demoUsage, parseDemoOptions, type DemoOptions } from "./options.ts";
import { plaintextFoundIn } from "./plaintext-scan.ts";
import { Progress } from "./progress.ts";
import { Recipient, type RecipientOpening } from "./recipient.ts";
import { replay } from "./replay.ts";
import { ledgerFolder, writeOut, type Report } from "./report.ts";
import { ServerDatabase } from "./server-database.ts";
import { Story } from "./story.ts";
import { LONG_TRANSCRIPT, parseTranscript, type Transcript } from "./transcript.ts";
import { startWorld, type RunningCustodian, type World } from "./world.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const classes: readonly ConversationClass[] = ["recorded", "sealed"];

/** The main job: everybody plays a part, on this machine, as separate processes. */
export async function demo(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    process.stdout.write(demoUsage);
    return 0;
  }
  const options = parseDemoOptions(args);
  const transcript = readTranscript(options.transcript);
  const request = requestOf(options, transcript);
  const story = new Story();
  const data = freshFolder(options.data, "CLI_DATA_IN_USE");
  const out = freshFolder(options.out, "CLI_OUT_IN_USE");
  const clockFile = join(data, "clock");
  const clock = new DemonstrationClockWriter(clockFile, (transcript.messages[0]?.sentAtMs ?? 0) - HOUR_MS);

  story.chapter("Eight programs start");
  const world = await startWorld({
    folder: data,
    clockFile,
    pace: transcript.messages.length > LONG_TRANSCRIPT ? "steady" : "quick",
    onRestart: (name, reason) => story.note(`${name} ended (${reason}) and starts again`),
  });
  const stopped = new AbortController();
  const interrupt = (): void => stopped.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    await new Demonstration({
      options,
      transcript,
      request,
      story,
      world,
      clock,
      clockFile,
      data,
      out,
    }).run();
    if (!options.once && !stopped.signal.aborted) {
      story.whatNext(out, world);
      await new Promise((resolve) => stopped.signal.addEventListener("abort", resolve));
    }
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    await world.stop();
    clock.close();
  }
  return 0;
}

function readTranscript(path: string | undefined): Transcript {
  if (path === undefined)
    return parseTranscript(readFileSync(new URL("sample-transcript.txt", import.meta.url)));
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch {
    throw new CliError("TRANSCRIPT_MISSING", { path });
  }
  return parseTranscript(bytes);
}

function requestOf({ request }: DemoOptions, transcript: Transcript): Request {
  if (request === undefined) return chooseRequest(transcript, BUCKET_SECONDS);
  if (!transcript.names.includes(request.account))
    throw new CliError("CLI_ACCOUNT_UNKNOWN", {
      account: request.account,
      known: transcript.names.slice(0, 20),
    });
  return request;
}

interface Stage {
  readonly options: DemoOptions;
  readonly transcript: Transcript;
  readonly request: Request;
  readonly story: Story;
  readonly world: World;
  readonly clock: DemonstrationClockWriter;
  readonly clockFile: string;
  readonly data: string;
  readonly out: string;
}

/** One run: found, join, talk, order, open, notify, report. */
class Demonstration {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async run(): Promise<void> {
    const { transcript, story, world, data, clockFile } = this.#stage;
    const { messages } = transcript;
    using memory = new MemoryWatch(world.programs);
    const founded = await found(world, {
      fromMs: messages[0]?.sentAtMs ?? 0,
      toMs: messages.at(-1)?.sentAtMs ?? 0,
    });
    story.founded(founded.policy);
    const setup = {
      server: world.server.url,
      registrationToken: world.server.registrationToken,
      trust: founded.trust,
      folder: join(data, "clients"),
      clockFile,
    };
    const crew = new Crew(setup, Math.min(availableParallelism(), 4));
    try {
      const accounts = await this.#join(crew);
      const conversations = await this.#converse(crew, [...accounts.values()]);
      await this.#talk(crew, conversations);
      await this.#access(founded, crew, { accounts, conversations });
      story.costs(world.programs, await crew.each("counters"), memory);
    } finally {
      await crew.close();
    }
  }

  async #join(crew: Crew): Promise<Map<string, AccountId>> {
    const { transcript, story } = this.#stage;
    story.chapter("People join");
    const progress = new Progress("accounts", transcript.names.length);
    const accounts = new Map<string, AccountId>();
    await Promise.all(
      [...handlesOf(transcript.names)].map(async ([name, handle]) => {
        accounts.set(name, asAccountId(await crew.by(name, "join", name, handle)));
        progress.update(accounts.size);
      }),
    );
    return accounts;
  }

  async #converse(crew: Crew, members: readonly AccountId[]): Promise<ConversationId[]> {
    const { transcript, story } = this.#stage;
    const first = transcript.names[0] as string;
    const conversations: ConversationId[] = [];
    for (const conversationClass of classes) {
      const conversation = await crew.by(first, "converse", first, conversationClass, members);
      await crew.each("joined", conversation);
      conversations.push(asConversationId(conversation));
    }
    story.conversations(first, members.length);
    return conversations;
  }

  async #talk(crew: Crew, conversations: readonly ConversationId[]): Promise<void> {
    const { transcript, story, clock } = this.#stage;
    story.chapter(`${transcript.messages.length} messages are replayed, once into each conversation`);
    const progress = new Progress("messages", transcript.messages.length * conversations.length);
    await replay({
      transcript,
      crew,
      clock,
      conversations,
      bucketSeconds: BUCKET_SECONDS,
      onProgress: (sent) => progress.update(sent, new Date(clock.now()).toISOString().slice(0, 16)),
    });
    const counters = await crew.each("counters");
    const complaints = counters.flatMap((counter) => counter.complaints);
    if (complaints.length > 0)
      throw new CliError("CLI_REPLAY_DIFFERS", { complaints: complaints.slice(0, 5), of: complaints.length });
    for (const conversation of conversations) await this.#compareHistories(crew, conversation);
    story.talked(counters, transcript.names.length);
  }

  /** Everybody holds every message once, and all of them in the same order. */
  async #compareHistories(crew: Crew, conversation: ConversationId): Promise<void> {
    const { transcript } = this.#stage;
    const histories = (await crew.each("histories", conversation)).flat();
    const digests = new Set(histories.map(({ digest }) => digest));
    const short = histories.find(({ messages }) => messages !== transcript.messages.length);
    if (digests.size !== 1 || short !== undefined)
      throw new CliError("CLI_REPLAY_DIFFERS", { histories: digests.size, ...short });
  }

  async #access(
    founded: Founded,
    crew: Crew,
    people: { accounts: ReadonlyMap<string, AccountId>; conversations: readonly ConversationId[] },
  ): Promise<void> {
    const { request, options, story, world, clock, transcript } = this.#stage;
    const [recorded, sealed] = people.conversations as [ConversationId, ConversationId];
    clock.set(Math.max(clock.now(), request.toMs, transcript.messages.at(-1)?.sentAtMs ?? 0) + DAY_MS);
    const nowMs = Math.floor(clock.now() / 1000) * 1000;
    const noticeDueMs = nowMs + 30 * DAY_MS;
    const account = { id: people.accounts.get(request.account) as AccountId, handle: request.account };
    const order: OrderRequest = {
      account,
      conversation: recorded,
      fromMs: request.fromMs,
      toMs: request.toMs,
      wholeConversation: options.wholeConversation,
      nowMs,
      noticeDueMs,
    };

    story.chapter("An order for the sealed conversation");
    const refused = await placeOrder(world, founded, { ...order, conversation: sealed });
    for (const custodian of world.custodians) story.decision(await askToApprove(custodian, refused));

    story.chapter("An order for the recorded conversation");
    const placed = await placeOrder(world, founded, order);
    story.ordered(order, placed);
    const recipient = await this.#recipient(founded, placed, people.accounts);
    const shareless = await this.#approveAndRelease(recipient, placed);
    const opening = await recipient.open();
    const outside = this.#tryEverythingElse(opening, founded);
    story.opened(opening.opened.messages, outside);
    const evidence = await recipient.evidence(opening, parseTrust(founded.trust), clock.now());

    await this.#notify(crew, noticeDueMs);
    const sealedBatches = await (await this.#recipient(founded, refused, people.accounts)).batches();
    if (sealedBatches.length > 0 || shareless > 0) throw new Error("a share came that nobody may send");
    const report = await this.#report(founded, opening, outside, sealedBatches.length);
    writeOut(this.#stage.out, world, { report, evidence, trust: founded.trust });
    story.report(report, this.#stage.out);
  }

  #recipient(
    founded: Founded,
    placed: PlacedOrder,
    accounts: ReadonlyMap<string, AccountId>,
  ): Promise<Recipient> {
    const { server } = this.#stage.world;
    const handleOf = (id: AccountId): string =>
      [...accounts].find(([, account]) => equalBytes(account, id))?.[0] ?? toBase64Url(id);
    return Recipient.connect({
      server: server.url,
      operatorToken: server.operatorToken,
      policy: founded.policy,
      orderHash: placed.hash,
      keys: placed.keys,
      handleOf,
    });
  }

  /** One custodian short of the last quorum nobody releases anything; then the last one says yes. Returns what came too early. */
  async #approveAndRelease(recipient: Recipient, placed: PlacedOrder): Promise<number> {
    const { story, world } = this.#stage;
    const willing = [
      ...world.custodians.filter(({ quorum }) => quorum === "state"),
      ...world.custodians.filter(({ quorum }) => quorum === "civic").slice(0, 2),
    ];
    const last = willing.pop() as RunningCustodian;
    for (const custodian of willing) story.decision(await askToApprove(custodian, placed));
    await wait(2 * world.custodianMs);
    const early = (await recipient.batches()).length;
    story.oneShort(last.id, early);
    story.decision(await askToApprove(last, placed));
    await until(async () => (await recipient.batches()).length >= willing.length + 1);
    story.released((await recipient.batches()).map(({ custodian }) => custodian));
    return early;
  }

  #tryEverythingElse({ order, targets, opened }: RecipientOpening, { policy }: Founded): number {
    const binding = shareBinding(order.hash, order.recipient.hpkeKey);
    const keys = targets.buckets.map((bucket) => ({
      key: openBucket({ policy, bucket, batches: opened.batches, binding }, undefined).key,
      labelHash: bucket.label.hash,
    }));
    const database = new ServerDatabase(this.#stage.world.server.folder);
    try {
      return database.countOpenedOutside(keys);
    } finally {
      database.close();
    }
  }

  async #notify(crew: Crew, dueMs: number): Promise<void> {
    const { request, story, clock, transcript } = this.#stage;
    story.chapter("The notice");
    const early = await crew.by(request.account, "readNotices", request.account);
    clock.set(dueMs + 1000);
    await until(
      async () => (await crew.by(request.account, "readNotices", request.account)).length > early.length,
    );
    const notices = await crew.by(request.account, "readNotices", request.account);
    const other = transcript.names.find((name) => name !== request.account) as string;
    story.notified(request.account, notices, other, (await crew.by(other, "readNotices", other)).length);
  }

  async #report(
    founded: Founded,
    { opened }: RecipientOpening,
    outside: number,
    sealedOpened: number,
  ): Promise<Report> {
    const { transcript, world, story } = this.#stage;
    const database = new ServerDatabase(world.server.folder);
    const bucketsSealed = database.countSealedBuckets();
    database.close();
    const note = readFileSync(join(ledgerFolder(world), "checkpoint"), "utf8");
    const checkpoint = openCheckpoint(note, founded.policy.witnessPolicy("access"));
    story.chapter("The server's own directory is searched for every text of the transcript");
    const plaintext = plaintextFoundIn(
      world.server.folder,
      transcript.messages.map(({ text }) => text),
    );
    return {
      messages: transcript.messages.length,
      conversations: classes.length,
      bucketsSealed,
      bucketsOpened: opened.bucketsOpened,
      messagesOpened: opened.messages.length,
      messagesOutsideScopeOpened: outside,
      sealedOpened,
      ledgerSize: checkpoint.size,
      witnesses: checkpoint.cosignedAtMs.length,
      plaintextFoundInServerData: plaintext,
    };
  }
}
