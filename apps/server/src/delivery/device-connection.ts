import { setImmediate as nextTurn } from "node:timers/promises";
import { encodeServerFrame, limits, type ConversationId, type DeviceReference } from "@portcullis/protocol";
import type { Store, StoredWelcome } from "@portcullis/store";
import type { FreshConversation } from "./fresh-conversation.ts";
import { framesForDevice } from "./item-frames.ts";
import { deviceKey, mapKey } from "./keys.ts";
import { decodeRoster } from "./roster.ts";

/** Bytes that may wait in a socket before its device is served from the database instead, at its own pace. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** A WebSocket as delivery sees it. */
export interface FrameSocket {
  send(frame: Uint8Array): void;
  /** Bytes sent, but not yet taken by the network. */
  readonly waitingBytes: number;
  /** Ends the connection, with a last word. */
  close(code: string): void;
}

/** How far a device has been served in one conversation. */
interface Subscription {
  readonly conversationId: ConversationId;
  /** The last item sent. */
  position: number;
  /** The last item it may get: that of the Commit which removed it, or no end. */
  upTo: number;
  /** Served from the database until it has caught up. */
  behind: boolean;
  /** Something new came while it was read for. */
  missed: boolean;
}

/**
 * One device's connection. Each conversation is either live, when every group is sent as it becomes durable, or behind,
 * when pages are read from the database as fast as the device takes them. Nothing is queued here for a slow device.
 */
export class DeviceConnection {
  readonly device: DeviceReference;
  readonly key: string;
  readonly #socket: FrameSocket;
  readonly #store: Store;
  readonly #subscriptions = new Map<string, Subscription>();
  #reading = false;
  #closed = false;

  constructor(device: DeviceReference, socket: FrameSocket, store: Store) {
    this.device = device;
    this.key = deviceKey(device);
    this.#socket = socket;
    this.#store = store;
  }

  send(frame: Uint8Array): void {
    if (!this.#closed) this.#socket.send(frame);
  }

  close(code: string): void {
    this.stop();
    this.#socket.close(code);
  }

  /** The socket is gone. */
  stop(): void {
    this.#closed = true;
    this.#subscriptions.clear();
  }

  /** Starts delivery behind `position`. */
  subscribe(conversationId: ConversationId, position: number, upTo = Number.MAX_SAFE_INTEGER): void {
    const behind = position < upTo;
    this.#subscriptions.set(mapKey(conversationId), {
      conversationId,
      position,
      upTo,
      behind,
      missed: false,
    });
  }

  welcome(conversationId: ConversationId, sequence: number, frame: Uint8Array): void {
    this.send(frame);
    this.subscribe(conversationId, sequence);
  }

  /** The device was removed by the Commit at `sequence`, the last item that it gets. */
  leave(conversationId: ConversationId, sequence: number): void {
    const subscription = this.#subscriptions.get(mapKey(conversationId));
    if (subscription !== undefined) subscription.upTo = sequence;
  }

  /** How far the device may have come: no cursor can be beyond it. */
  position(conversationId: ConversationId): number | undefined {
    return this.#subscriptions.get(mapKey(conversationId))?.position;
  }

  isMember(conversationId: ConversationId): boolean {
    return this.#subscriptions.get(mapKey(conversationId))?.upTo === Number.MAX_SAFE_INTEGER;
  }

  /** What is worth nothing later: lost on whoever is behind or reads slowly. */
  mention(conversationId: ConversationId, frame: Uint8Array): void {
    const isBehind = this.#subscriptions.get(mapKey(conversationId))?.behind === true;
    if (this.isMember(conversationId) && !isBehind && this.#socket.waitingBytes <= HIGH_WATER_BYTES)
      this.send(frame);
  }

  offer(fresh: FreshConversation): void {
    const subscription = this.#subscriptions.get(mapKey(fresh.conversationId));
    if (subscription === undefined || subscription.position >= subscription.upTo) return;
    const next = subscription.position + 1;
    if (!subscription.behind && next === fresh.first && this.#socket.waitingBytes <= HIGH_WATER_BYTES) {
      for (const frame of fresh.framesFor(this.key, subscription.upTo)) this.send(frame);
      subscription.position = Math.min(fresh.last, subscription.upTo);
      return;
    }
    subscription.behind = true;
    subscription.missed = true;
    this.catchUp();
  }

  /** Goes on reading for what is behind. Called when there may be something to read or room to send. */
  catchUp(): void {
    if (this.#reading || this.#closed) return;
    this.#reading = true;
    this.#readAll()
      .catch(() => this.close("SERVER_FAILED"))
      .finally(() => {
        this.#reading = false;
      });
  }

  async #readAll(): Promise<void> {
    for (;;) {
      const behind = [...this.#subscriptions.values()].find((subscription) => subscription.behind);
      if (behind === undefined || this.#closed || this.#socket.waitingBytes > HIGH_WATER_BYTES) return;
      await this.#readPage(behind);
      await nextTurn();
    }
  }

  async #readPage(subscription: Subscription): Promise<void> {
    const { conversationId, position, upTo } = subscription;
    subscription.missed = false;
    const page = await this.#store.items.behind(conversationId, position, upTo, limits.itemsPerFrame);
    for (const frame of framesForDevice(conversationId, page, this.device)) this.send(frame);
    subscription.position = page.at(-1)?.sequence ?? position;
    subscription.behind = page.length === limits.itemsPerFrame || subscription.missed;
  }
}

export function welcomeFrame(welcome: Omit<StoredWelcome, "accountId" | "deviceId">): Uint8Array {
  const { conversationId, sequence } = welcome;
  const roster = decodeRoster(welcome.roster);
  return encodeServerFrame({ type: "welcome", conversationId, sequence, welcome: welcome.welcome, roster });
}
