import { generateSigningKey } from "@portcullis/crypto";
import { accountIdOf, signDeviceList } from "@portcullis/ledger/identity";
import {
  asConversationId,
  asDeviceId,
  asMessageId,
  equalBytes,
  fromBase64Url,
  toBase64Url,
  type BackupSegmentRequest,
  type ConversationId,
} from "@portcullis/protocol";
import { FixedClock, seededRandom } from "@portcullis/testkit";
import { Backup, type BackupHost, type BackupStatus } from "../src/backup/backup.ts";
import { openHead, type BackupHead } from "../src/backup/backup-head.ts";
import { generationKeys, type GenerationKeys } from "../src/backup/backup-keys.ts";
import { openSegment, type BackupSegment } from "../src/backup/backup-segment.ts";
import { KeptBackup, restoreChanges } from "../src/backup/kept-backup.ts";
import type { ConversationRecord } from "../src/conversation/conversation-record.ts";
import { ClientError } from "../src/errors.ts";
import type { ServerApi } from "../src/server/server-api.ts";
import { Settings } from "../src/settings.ts";
import type { ReceivedMessage } from "../src/messages/placement.ts";
import type { ClientStore, StoreChange, StoredMessage, StoredState } from "../src/store.ts";

const random = seededRandom("backup scene");
const accountKey = generateSigningKey(random);
export const accountId = accountIdOf(accountKey.publicKey);
/** Two that the account has, and one that it has no more. */
export const [here, linked, gone] = [1, 2, 3].map((byte) => asDeviceId(new Uint8Array(16).fill(byte))) as [
  ReturnType<typeof asDeviceId>,
  ReturnType<typeof asDeviceId>,
  ReturnType<typeof asDeviceId>,
];
const signedDeviceList = signDeviceList(accountKey, {
  accountId,
  accountKey: accountKey.publicKey,
  noticeKey: random(32),
  version: 1,
  devices: [here, linked].map((deviceId) => ({ deviceId, signatureKey: random(32) })),
});
export const [talk, other] = [7, 8].map((byte) => asConversationId(new Uint8Array(32).fill(byte))) as [
  ConversationId,
  ConversationId,
];
export const pace = { everyMs: 5000, messages: 3, segmentMessages: 2, spareSegments: 3 };

const recordOf = (condition: ConversationRecord["condition"], name = "Talk"): ConversationRecord => ({
  condition,
  class: "sealed",
  epoch: 3,
  startBucket: 8_910_000,
  epochStartedAtMs: 8_910_000_123,
  rosterRoot: new Uint8Array(32),
  shared: {
    state: { version: 0, name, roles: [], leaving: [] },
    standing: { roles: [], leaving: [] },
    startVersion: 0,
  },
});

export function messageAt(sequence: number, { id = talk, size = 20 } = {}): StoredMessage {
  const about = { conversationId: id, sequence, senderAccountId: accountId, senderDeviceId: here };
  const named = { messageId: asMessageId(random(16)), acceptedAtMs: sequence };
  const place = { contentId: new Uint8Array(32), anchor: sequence };
  return { ...about, ...named, applicationData: random(size), receipt: random(20), ...place };
}

interface Generation {
  deviceId: typeof here;
  head: Uint8Array;
  /** Undefined: the server has lost it. */
  readonly segments: (Uint8Array | undefined)[];
  stands: boolean;
}

/** One account's part of a server. `answer` may refuse what is asked, `answered` what was done. */
export class FakeVault {
  readonly url = "https://chat.example";
  readonly generations = new Map<string, Generation>();
  readonly asked: string[] = [];
  version = 1;
  answer: (what: string) => void = () => {};
  answered: (what: string) => void = () => {};
  by = here;

  get standing(): [name: string, generation: Generation] | undefined {
    return [...this.generations].find(([, { stands }]) => stands);
  }

  token = async (): Promise<string> => "token";

  recoveryVersion = async (): Promise<number> => {
    this.answer("GET recovery");
    return this.version;
  };

  call = async (method: string, path: string, body: BackupSegmentRequest): Promise<object> => {
    const [name = "", , index] = path.split("/").slice(3);
    const what = index === undefined ? (name === "" ? method : `${method} stand`) : `${method} ${index}`;
    this.asked.push(what);
    this.answer(what);
    const answer = this.#do(method, name, index, body);
    this.answered(what);
    return answer;
  };

  #do(method: string, name: string, index: string | undefined, body: BackupSegmentRequest): object {
    if (method === "DELETE") this.generations.clear();
    else if (method === "PUT" && index !== undefined) this.#put(name, Number(index), body);
    else if (method === "PUT") this.#stand(name);
    else if (index !== undefined) {
      const segment = this.generations.get(name)?.segments[Number(index)];
      return segment ? { segment: toBase64Url(segment) } : refuse("BACKUP_UNKNOWN");
    } else if (this.standing !== undefined) {
      const [generation, { deviceId, head }] = this.standing;
      return { generation, deviceId: toBase64Url(deviceId), head: toBase64Url(head) };
    }
    return {};
  }

  #put(name: string, index: number, body: BackupSegmentRequest): void {
    const [segment, head] = [fromBase64Url(body.segment), fromBase64Url(body.head)];
    const known = this.generations.get(name);
    if (known === undefined && index > 0) refuse("BACKUP_UNKNOWN");
    const segments = known?.segments ?? [];
    if (index === segments.length - 1 && known && equalBytes(known.head, head)) return;
    if (index !== segments.length) refuse("BACKUP_NOT_NEXT");
    for (const [begun, { stands }] of this.generations)
      if (known === undefined && !stands) this.generations.delete(begun);
    const stands = known?.stands ?? this.standing === undefined;
    segments.push(segment);
    this.generations.set(name, { deviceId: this.by, head, segments, stands });
  }

  #stand(name: string): void {
    const generation = this.generations.get(name) ?? refuse("BACKUP_UNKNOWN");
    this.generations.clear();
    this.generations.set(name, { ...generation, stands: true });
  }
}

export function refuse(refusal: string): never {
  throw new ClientError("CLIENT_SERVER_REFUSED", { refusal });
}

export function unreachable(): never {
  throw new ClientError("CLIENT_SERVER_UNREACHABLE");
}

/** A device with what it keeps. Its power goes before or after the write that `powerGoes` says, counted from 0 on. */
export class FakeDevice {
  readonly clock = new FixedClock(1_000_000);
  readonly secrets = new Map<string, Uint8Array>();
  readonly facts = new Map<string, Uint8Array>();
  readonly messages: StoredMessage[] = [];
  readonly statuses: BackupStatus[] = [];
  readonly later: { delayMs: number; task: () => void }[] = [];
  readonly faults: unknown[] = [];
  readonly conversations = new Map<string, { record?: ConversationRecord; cursor: number }>();
  readonly vault: FakeVault;
  readonly host;
  powerGoes: { when: "before" | "after"; write: number } | undefined;
  writes = 0;
  /** The client that was opened last. */
  backup!: Backup;
  settings!: Settings;

  constructor(vault: FakeVault, deviceId = here) {
    this.vault = vault;
    this.host = {
      account: { accountId, deviceId, signedDeviceList },
      clock: this.clock,
      random,
      ready: true,
      conversations: this.conversations,
      conversation: (id: ConversationId) => this.#conversation(id),
      events: { emit: (_name: string, status: BackupStatus) => this.statuses.push(status) },
      later: (delayMs: number, task: () => void) => this.later.push({ delayMs, task }),
      stop: (error: unknown) => this.faults.push(error),
      write: this.write,
    };
  }

  write = async (changes: readonly StoreChange[]): Promise<void> => {
    const { when, write = Number.POSITIVE_INFINITY } = this.powerGoes ?? {};
    const [isGoing, isGone] = [this.writes === write, this.writes > write];
    this.writes++;
    if (isGone || (isGoing && when === "before")) throw new Error("the power went");
    for (const change of changes) this.#apply(change);
    if (isGoing) throw new Error("the power went");
  };

  #apply(change: StoreChange): void {
    if ("erase" in change && change.erase === "fact") this.facts.delete(change.name);
    else if ("put" in change && change.put === "fact") this.facts.set(change.name, change.value);
    else if ("put" in change && change.put === "secret") this.secrets.set(change.name, change.value);
    else if ("put" in change && change.put === "message") {
      const { conversationId, sequence } = change.message;
      const is = (one: StoredMessage): boolean =>
        equalBytes(one.conversationId, conversationId) && one.sequence === sequence;
      if (!this.messages.some(is)) this.messages.push(change.message);
      else if (change.unlessThere === undefined) throw new Error("a message is there already");
    } else throw new Error("not of a backup");
  }

  #conversation(id: ConversationId) {
    const key = toBase64Url(id);
    const known = this.conversations.get(key) ?? { cursor: 0 };
    const adopt = async (record: ConversationRecord, cursor: number): Promise<void> => {
      if (this.conversations.get(key)?.record === undefined) this.conversations.set(key, { record, cursor });
    };
    const importMessages = async (messages: readonly ReceivedMessage[]): Promise<void> => {
      await this.write(
        messages.map((message) => {
          const place = { contentId: new Uint8Array(32), anchor: message.sequence };
          return { put: "message", message: { ...message, ...place }, unlessThere: true };
        }),
      );
    };
    return { ...known, adopt, importMessages };
  }

  /** A conversation that goes on, or went on, up to `cursor`. */
  isIn(id: ConversationId, cursor: number, condition: ConversationRecord["condition"] = "open"): void {
    this.conversations.set(toBase64Url(id), { record: recordOf(condition), cursor });
  }

  /** These are written, as a conversation writes what comes. */
  async gets(...messages: StoredMessage[]): Promise<void> {
    const changes = messages.map((message) => ({ put: "message", message }) as const);
    await this.write(changes);
    this.backup.noticed(changes);
  }

  /** As it is opened from what is stored. */
  open(): Backup {
    const write = async (changes: readonly StoreChange[]): Promise<void> => {
      await this.write(changes);
      this.backup.noticed(changes);
    };
    this.settings = new Settings(this.facts, write);
    const store = {
      arrived: async ({ after, limit }: { after: number; limit: number }) =>
        this.messages.map((message, i) => ({ arrival: i + 1, message })).slice(after, after + limit),
    };
    this.backup = new Backup(this.host as unknown as BackupHost, {
      api: this.vault as unknown as ServerApi,
      store: store as unknown as ClientStore,
      stored: this as unknown as StoredState,
      settings: this.settings,
      pace,
    });
    return this.backup;
  }

  get kept(): KeptBackup {
    return new KeptBackup(this, this.write);
  }

  /** With a recovery code of its own, and the backup on and whole. */
  async keeps(): Promise<Backup> {
    const backup = this.open();
    await backup.renewKey(async () => ({ version: this.vault.version }));
    await backup.turnOn();
    await backup.drained();
    return backup;
  }

  /** As after recovering, with the keys of `from` or these. */
  recovers(from: FakeDevice, keys = from.kept.keys!.keys): Backup {
    for (const change of restoreChanges({ keys, recoveryVersion: this.vault.version })) this.#apply(change);
    return this.open();
  }

  /** What stands, opened with this device's keys. */
  sees(name = this.vault.standing![0]): {
    head: BackupHead;
    segments: BackupSegment[];
    keys: GenerationKeys;
  } {
    const { head, segments } = this.vault.generations.get(name)!;
    for (const key of this.kept.keys!.keys)
      try {
        const keys = generationKeys(key, accountId, fromBase64Url(name));
        const opened = openHead(keys, head);
        return { keys, head: opened, segments: segments.map((one, i) => openSegment(keys, i, one!)) };
      } catch {
        // Under another one.
      }
    throw new Error("none of its keys opens what stands");
  }

  /** The sequences of the messages of each segment that stands. */
  places(): number[][] {
    return this.sees().segments.map(({ parts }) =>
      parts.flatMap(({ chunk }) => chunk.messages.map(({ sequence }) => sequence)),
    );
  }
}

/** The sequences of these, in order. */
export function sequencesOf(messages: readonly StoredMessage[]): number[] {
  return messages.map(({ sequence }) => sequence).toSorted((a, b) => a - b);
}

/** A device in a conversation with so many messages, before it has a backup. */
export async function deviceWith(messages: number, vault = new FakeVault()): Promise<FakeDevice> {
  const device = new FakeDevice(vault);
  device.open();
  device.isIn(talk, messages);
  await device.gets(...Array.from({ length: messages }, (_, i) => messageAt(i + 1)));
  return device;
}

export async function keeperOf(messages: number): Promise<FakeDevice> {
  const device = await deviceWith(messages);
  await device.keeps();
  return device;
}

export const codeOf = (device: FakeDevice): string | undefined => device.backup.status.code;
