import { sha256 } from "@portcullis/crypto";
import { equalBytes, PortcullisError, toBase64Url, type ConversationId } from "@portcullis/protocol";
import {
  actOf,
  decodeMimiContent,
  mimiMessageId,
  mimiMessageIdInput,
  type Act,
  type MimiContent,
} from "@portcullis/protocol/content";
import { HIDDEN, WAITING, type ClientStore, type StoreChange, type StoredMessage } from "../store.ts";

/** A message before it has its place. `contentId`: where nothing of its content is left. */
export type ReceivedMessage = Omit<StoredMessage, "contentId" | "anchor" | "target" | "expiresAtMs"> & {
  readonly contentId?: Uint8Array;
};

/** What became of one message. */
export interface Placed {
  readonly changes: readonly StoreChange[];
  readonly message: StoredMessage;
  readonly act: Act | undefined;
}

const NOTHING = new Uint8Array(0);

type Reader = Pick<ClientStore, "find" | "waiting">;

/** What the placing of a message adds to it. */
type Place = Pick<StoredMessage, "contentId" | "anchor" | "target" | "expiresAtMs">;

/** The id by which others name a message (CON-02). */
export function contentIdOf(content: MimiContent, applicationData: Uint8Array): Uint8Array {
  const { senderUri = "", roomUri = "" } = content.extensions;
  const { salt } = content;
  return mimiMessageId(sha256(mimiMessageIdInput({ senderUri, roomUri, content: applicationData, salt })));
}

/** When a message is to be gone. What counts from reading counts from acceptance, which is the same on every device. */
export function expiryOf({ expires }: MimiContent, acceptedAtMs: number): number | undefined {
  if (expires === undefined) return undefined;
  return expires.relative ? acceptedAtMs + expires.time * 1000 : expires.time * 1000;
}

/** The place of a message from before messages were about each other. */
export function firstPlaceOf(message: ReceivedMessage): Place {
  return described(message).place;
}

/** What a message says of itself. What cannot be read is for nobody. */
function described(message: ReceivedMessage, known?: { content: MimiContent; act: Act | undefined }) {
  const { sequence, applicationData, acceptedAtMs } = message;
  if (applicationData.length === 0) {
    const { contentId = new Uint8Array(32) } = message;
    return { act: undefined, place: { contentId, anchor: sequence } };
  }
  try {
    const content = known?.content ?? decodeMimiContent(applicationData);
    const act = known ? known.act : actOf(content);
    const expiresAtMs = expiryOf(content, acceptedAtMs);
    const target = act && "target" in act ? act.target : undefined;
    const place = {
      contentId: contentIdOf(content, applicationData),
      anchor: act?.kind === "message" ? sequence : HIDDEN,
      ...(target && { target }),
      ...(expiresAtMs !== undefined && { expiresAtMs }),
    };
    return { act, place };
  } catch (error) {
    if (!(error instanceof PortcullisError)) throw error;
    return { act: undefined, place: { contentId: new Uint8Array(32), anchor: HIDDEN } };
  }
}

/**
 * Gives messages their places in their conversations' timelines, in one transaction: what is about another message
 * goes to that one, if it may, or waits for it. The result is the same in whatever order the messages come (TML-01).
 */
export class Placement {
  readonly #store: Reader;
  /** What this transaction puts and moves, as it will stand. */
  readonly #fresh = new Map<string, StoredMessage>();

  constructor(store: Reader) {
    this.#store = store;
  }

  /** A message that comes in the order of the sequence: nothing can wait for it. */
  async place(
    message: ReceivedMessage,
    known?: { content: MimiContent; act: Act | undefined },
  ): Promise<Placed> {
    const { act, place } = described(message, known);
    const stored = { ...message, ...place };
    if (place.target === undefined) return this.#keep(stored, act, []);
    return this.#relate(stored, act);
  }

  /** A message of the past, which others may have waited for. */
  async placeImported(message: ReceivedMessage): Promise<Placed> {
    const placed = await this.place(message);
    const put = placed.changes.map((change) =>
      "put" in change && change.put === "message" ? { ...change, unlessThere: true as const } : change,
    );
    const adopted = placed.message.anchor > WAITING ? await this.#adopt(placed.message) : [];
    return { ...placed, changes: [...put, ...adopted] };
  }

  /** Finds out to which message it belongs. */
  async #relate(message: StoredMessage, act: Act | undefined): Promise<Placed> {
    const found = await this.find(message.conversationId, message.target ?? NOTHING);
    const anchor = found === undefined ? WAITING : anchorAt(found, message, act);
    const blanks = anchor > WAITING && deletes(act, found) ? this.#blank(message, anchor) : [];
    return this.#keep({ ...message, anchor }, act, blanks);
  }

  /** The message with this content id, as this transaction leaves it. */
  async find(conversationId: ConversationId, contentId: Uint8Array): Promise<StoredMessage | undefined> {
    const fresh = this.#fresh.get(keyOf(conversationId, contentId));
    if (fresh !== undefined) return fresh;
    const [found] = await this.#store.find(conversationId, [contentId]);
    return found;
  }

  #keep(placed: StoredMessage, act: Act | undefined, before: readonly StoreChange[]): Placed {
    // What somebody said where it may not be said is kept by nobody.
    const isVoid = placed.anchor === HIDDEN && placed.target !== undefined;
    const message = isVoid ? { ...placed, applicationData: NOTHING, receipt: NOTHING } : placed;
    this.#fresh.set(keyOf(message.conversationId, message.contentId), message);
    return { changes: [...before, { put: "message", message }], message, act };
  }

  /** Nothing of what a deleted message said stays, nor of what was said to it. */
  #blank({ conversationId }: StoredMessage, anchor: number): StoreChange[] {
    for (const [key, fresh] of this.#fresh)
      if (fresh.anchor === anchor && equalBytes(fresh.conversationId, conversationId))
        this.#fresh.set(key, { ...fresh, applicationData: NOTHING });
    return [{ blank: "messages", conversationId, anchor }];
  }

  /** Those that waited for this message, and those that waited for them, in the order of the sequence. */
  async #adopt(message: StoredMessage): Promise<StoreChange[]> {
    const { conversationId, contentId } = message;
    const stored = await this.#store.waiting(conversationId, contentId);
    const fresh = [...this.#fresh.values()].filter(
      ({ anchor, target, conversationId: id }) =>
        anchor === WAITING && target && equalBytes(target, contentId) && equalBytes(id, conversationId),
    );
    const waiting = [...stored, ...fresh].toSorted((a, b) => a.sequence - b.sequence);
    const changes: StoreChange[] = [];
    for (const one of waiting) {
      const key = keyOf(conversationId, one.contentId);
      if ((this.#fresh.get(key)?.anchor ?? WAITING) !== WAITING) continue;
      const found = await this.find(conversationId, contentId);
      const { act } = described(one);
      const anchor = found === undefined ? HIDDEN : anchorAt(found, one, act);
      if (anchor > WAITING && deletes(act, found)) changes.push(...this.#blank(one, anchor));
      const moved = { ...one, anchor };
      this.#fresh.set(key, moved);
      changes.push({ move: "message", conversationId, sequence: one.sequence, anchor });
      if (anchor > WAITING) changes.push(...(await this.#adopt(moved)));
    }
    return changes;
  }
}

/** Where a message belongs that is about `found`: with that one's anchor if it may do what it does, to nobody otherwise. */
function anchorAt(found: StoredMessage, message: StoredMessage, act: Act | undefined): number {
  if (found.anchor === WAITING) return WAITING;
  const isLater = found.anchor > WAITING && found.sequence < message.sequence;
  return isLater && act !== undefined && isRightful(act, message, found) ? found.anchor : HIDDEN;
}

/** TML-02: anybody may react and pin; what somebody said, only the same account changes or takes back. */
function isRightful(act: Act, message: StoredMessage, found: StoredMessage): boolean {
  const about = described(found).act?.kind;
  const isOwn = equalBytes(message.senderAccountId, found.senderAccountId);
  const isSaid = about === "message" || about === "edit";
  switch (act.kind) {
    case "reaction":
    case "pin":
      return isSaid;
    case "edit":
      return isOwn && isSaid;
    case "retract":
      return isOwn && (isSaid || about === "reaction");
    case "message":
    case "status":
    case "preferences":
    case "state":
      break;
  }
  return false;
}

/** Whether an act deletes the message to which it belongs. */
function deletes(act: Act | undefined, found: StoredMessage | undefined): boolean {
  return act?.kind === "retract" && found !== undefined && described(found).act?.kind !== "reaction";
}

function keyOf(conversationId: ConversationId, contentId: Uint8Array): string {
  return `${toBase64Url(conversationId)}/${toBase64Url(contentId)}`;
}
