import { randomBytes } from "node:crypto";
import { asConversationId } from "@portcullis/protocol";
import type { MlsGroup } from "@portcullis/mls";
import { device } from "./mls.ts";

const NOTHING = new Uint8Array();
const ROUNDS = 8;
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const joining = { startBucket: 0, rosterKey: random(32), state: NOTHING };

/** One member's view of a group; what it commits has won. */
export interface MemberView {
  commit(
    add: readonly Uint8Array[],
  ): Promise<{ readonly message: Uint8Array; readonly welcome?: Uint8Array }>;
  process(message: Uint8Array): Promise<void>;
}

export interface JoiningDevice {
  readonly keyPackage: Uint8Array;
  join(welcome: Uint8Array): Promise<MemberView>;
}

/** An implementation of MLS, as far as its Commits are measured. */
export interface GroupImplementation {
  create(): Promise<MemberView>;
  device(): Promise<JoiningDevice>;
}

export interface CommitFigures {
  readonly commitMs: number;
  readonly processMs: number;
  readonly bytes: number;
}

/** Empty Commits, made and processed, when every node of the tree has a key and when none has. */
export async function benchGroups(print: (line: string) => void): Promise<void> {
  for (const members of [100, 500]) {
    const cold = await measureCommits(await coldGroup(portcullis, members), 1);
    const warm = await measureCommits(await warmGroup(portcullis, members), ROUNDS);
    print(`Commit @${members}, cold tree`.padEnd(26) + ` ${figuresText(cold)}`);
    print(`Commit @${members}, warm tree`.padEnd(26) + ` ${figuresText(warm)}`);
    const ratio = (name: keyof CommitFigures): string => (cold[name] / warm[name]).toFixed(1);
    print(`  cold / warm`.padEnd(26) + ` ${ratio("commitMs")}, ${ratio("processMs")}, ${ratio("bytes")}`);
  }
}

export function figuresText({ commitMs, processMs, bytes }: CommitFigures): string {
  return `made in ${commitMs.toFixed(1)} ms of CPU, processed in ${processMs.toFixed(1)} ms, ${bytes} bytes`;
}

/** CPU of the first member's Commit and of the second one's taking it in: the best of so many rounds. */
export async function measureCommits(
  [first, second]: readonly [MemberView, MemberView],
  rounds: number,
): Promise<CommitFigures> {
  let figures = { commitMs: Number.POSITIVE_INFINITY, processMs: Number.POSITIVE_INFINITY, bytes: 0 };
  for (let round = 0; round < rounds; round++) {
    const start = cpuMs();
    const { message } = await first.commit([]);
    const made = cpuMs();
    await second.process(message);
    figures = {
      commitMs: Math.min(figures.commitMs, made - start),
      processMs: Math.min(figures.processMs, cpuMs() - made),
      bytes: message.length,
    };
  }
  return figures;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Members come two by two, and one of the two commits at once: so every node above two leaves has a key of theirs. */
export async function warmGroup(
  implementation: GroupImplementation,
  members: number,
): Promise<[MemberView, MemberView]> {
  const first = await implementation.create();
  let second: MemberView | undefined;
  for (let count = 1; count < members;) {
    const pair = [await implementation.device()];
    if (count + 1 < members) pair.push(await implementation.device());
    const { message, welcome } = await first.commit(pair.map(({ keyPackage }) => keyPackage));
    const joined = await (pair[0] as JoiningDevice).join(welcome as Uint8Array);
    await second?.process(message);
    const update = await joined.commit([]);
    await first.process(update.message);
    await second?.process(update.message);
    second ??= joined;
    count += pair.length;
  }
  return [first, second as MemberView];
}

/** All members are added, and none has committed but the first. */
async function coldGroup(
  implementation: GroupImplementation,
  members: number,
): Promise<[MemberView, MemberView]> {
  const first = await implementation.create();
  let second: MemberView | undefined;
  for (let count = 1; count < members;) {
    const bulk: JoiningDevice[] = [];
    while (bulk.length < 64 && count < members) {
      bulk.push(await implementation.device());
      count++;
    }
    const { message, welcome } = await first.commit(bulk.map(({ keyPackage }) => keyPackage));
    if (second === undefined) second = await (bulk[0] as JoiningDevice).join(welcome as Uint8Array);
    else await second.process(message);
  }
  return [first, second as MemberView];
}

/** This product's engine. */
export const portcullis: GroupImplementation = {
  async create() {
    const { group } = await device().createGroup({
      conversationId: asConversationId(random(32)),
      terms: { class: "sealed", frankingKey: random(32) },
    });
    return viewOf(group);
  },
  async device() {
    const engine = device();
    const held = await engine.createKeyPackage();
    return {
      keyPackage: held.keyPackage,
      join: async (welcome) => viewOf((await engine.join({ welcome, keyPackages: () => held })).group),
    };
  },
};

function viewOf(joined: MlsGroup): MemberView {
  let group = joined;
  return {
    async commit(add) {
      const made = await group.commit({ add, remove: [], authenticatedData: NOTHING, joining });
      ({ group } = await group.merge(made.pending));
      return made;
    },
    async process(message) {
      const processed = await group.process(message, () => undefined);
      if (processed.kind !== "epoch") throw new TypeError("a Commit of somebody else's begins an epoch");
      ({ group } = processed);
    },
  };
}
