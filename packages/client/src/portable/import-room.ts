import { sha256 } from "@portcullis/crypto";
import {
  accountUri,
  asAccountId,
  asConversationId,
  asMessageId,
  concatBytes,
  conversationUri,
  toBase64Url,
  utf8,
  type AccountId,
  type ConversationId,
} from "@portcullis/protocol";
import { contentOf, encodeMimiContent, plainText } from "@portcullis/protocol/content";
import { ClientError } from "../errors.ts";
import type { Host } from "../host.ts";
import { NO_DEVICE } from "../messages/conversation-message.ts";
import { firstPlaceOf } from "../messages/placement.ts";
import type { MessageRoom } from "../messages/message-room.ts";
import type { StoreChange } from "../store.ts";
import { parseChatText, type ChatTextMessage, type ChatTextTerms } from "./chat-text.ts";
import { allOf } from "./export.ts";
import { exportText } from "./export-text.ts";
import {
  decodeImportRecord,
  encodeImportRecord,
  type ImportedChat,
  type ImportRecord,
} from "./import-record.ts";

const PREFIX = "import/";
const PERSON = utf8("portcullis/imported-person/v1");
const PER_WRITE = 500;
const LONGEST_TITLE = 128;

export interface ImportTerms extends ChatTextTerms {
  readonly title: string;
  readonly onProgress?: (done: number, of: number) => void;
}

/** What reading in asks of its device. */
type ImportHost = Pick<Host, "account" | "clock" | "random" | "write" | "forget">;

/**
 * Chats of other messengers, read in from their export: to be read, searched and exported again like any, and marked as
 * imported, for nothing proves who said what. They stay on this device, and in none of its backups.
 */
export class ImportRoom {
  readonly #host: ImportHost;
  readonly #messages: MessageRoom;
  readonly #records = new Map<string, ImportRecord>();

  constructor(host: ImportHost, parts: { facts: ReadonlyMap<string, Uint8Array>; messages: MessageRoom }) {
    this.#host = host;
    this.#messages = parts.messages;
    for (const [name, value] of parts.facts)
      if (name.startsWith(PREFIX)) this.#records.set(name.slice(PREFIX.length), decodeImportRecord(value));
  }

  /** In the order in which they were read in. */
  list(): ImportedChat[] {
    return [...this.#records.values()]
      .flatMap(({ isWhole, ...chat }) => (isWhole ? [chat] : []))
      .toSorted((a, b) => a.importedAtMs - b.importedAtMs);
  }

  get(conversationId: ConversationId): ImportedChat | undefined {
    const record = this.#records.get(toBase64Url(conversationId));
    return record?.isWhole === true ? record : undefined;
  }

  /** What somebody is called in an imported chat. */
  nameOf(conversationId: ConversationId, accountId: AccountId): string | undefined {
    const id = toBase64Url(accountId);
    const people = this.#records.get(toBase64Url(conversationId))?.people ?? [];
    return people.find((person) => toBase64Url(person.accountId) === id)?.name;
  }

  /**
   * Reads in an "export chat" text, all of it or nothing, over crashes too.
   * @throws ClientError CLIENT_IMPORT_FORM, CLIENT_IMPORT_LINE, CLIENT_IMPORT_TITLE
   */
  async add(text: Uint8Array, { title, onProgress, ...terms }: ImportTerms): Promise<ImportedChat> {
    const { messages, names } = parseChatText(text, terms);
    if (title.trim() === "" || title.length > LONGEST_TITLE) throw new ClientError("CLIENT_IMPORT_TITLE");
    const { clock, random } = this.#host;
    const conversationId = asConversationId(random(32));
    const people = names.map((name) => ({ accountId: personOf(conversationId, name), name }));
    const chat = { conversationId, title, importedAtMs: clock.now(), messages: messages.length, people };
    await this.#put({ ...chat, isWhole: false });
    for (let from = 0; from < messages.length; from += PER_WRITE) {
      const some = messages.slice(from, from + PER_WRITE);
      await this.#host.write(some.map((one, i) => this.#putMessage(conversationId, from + i + 1, one)));
      onProgress?.(from + some.length, messages.length);
    }
    await this.#put({ ...chat, isWhole: true });
    return chat;
  }

  /** Takes an imported chat away again, out of every file. */
  async remove(conversationId: ConversationId): Promise<void> {
    const record = this.#records.get(toBase64Url(conversationId));
    if (record === undefined) throw new ClientError("CLIENT_IMPORT_UNKNOWN");
    await this.#put({ ...record, isWhole: false });
    await this.#erase(record);
  }

  /** What was coming or going when the device was stopped goes. */
  async tidy(): Promise<void> {
    const partial = [...this.#records.values()].filter(({ isWhole }) => !isWhole);
    for (const record of partial) await this.#erase(record);
  }

  /** In the form in which it was read in, and in constant memory. @throws ClientError CLIENT_IMPORT_UNKNOWN */
  export(conversationId: ConversationId): AsyncGenerator<string, void, undefined> {
    const chat = this.get(conversationId);
    if (chat === undefined) throw new ClientError("CLIENT_IMPORT_UNKNOWN");
    const whole = { conversationId, sequence: chat.messages };
    return exportText({
      messages: allOf(this.#messages, whole, false),
      nameOf: (accountId) => this.nameOf(conversationId, accountId) ?? "",
    });
  }

  async #erase({ conversationId, messages }: ImportRecord): Promise<void> {
    const key = toBase64Url(conversationId);
    // The newest first, as they would have come last.
    for (let upTo = messages; upTo > 0; upTo -= PER_WRITE) {
      const sequences = Array.from({ length: Math.min(PER_WRITE, upTo) }, (_, i) => upTo - i);
      await this.#host.write(sequences.map((sequence) => ({ erase: "message", conversationId, sequence })));
    }
    await this.#host.write([{ erase: "fact", name: PREFIX + key }]);
    this.#records.delete(key);
    await this.#host.forget();
  }

  async #put(record: ImportRecord): Promise<void> {
    const key = toBase64Url(record.conversationId);
    await this.#host.write([{ put: "fact", name: PREFIX + key, value: encodeImportRecord(record) }]);
    this.#records.set(key, record);
  }

  #putMessage(conversationId: ConversationId, sequence: number, said: ChatTextMessage): StoreChange {
    const { account, random } = this.#host;
    const { provider } = account;
    const senderAccountId = personOf(conversationId, said.name);
    const content = contentOf(
      { kind: "message", body: plainText(said.text) },
      {
        salt: random(16),
        senderUri: accountUri(provider, senderAccountId),
        roomUri: conversationUri(provider, conversationId),
      },
    );
    const message = {
      conversationId,
      sequence,
      senderAccountId,
      senderDeviceId: NO_DEVICE,
      messageId: asMessageId(random(16)),
      acceptedAtMs: said.saidAtMs,
      applicationData: encodeMimiContent(content),
      receipt: new Uint8Array(0),
    };
    return { put: "message", message: { ...message, ...firstPlaceOf(message) } };
  }
}

/** Somebody of an imported chat, who is nobody elsewhere. */
function personOf(conversationId: ConversationId, name: string): AccountId {
  return asAccountId(sha256(concatBytes(PERSON, conversationId, utf8(name))));
}
