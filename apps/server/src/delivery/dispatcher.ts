import {
  encodeServerFrame,
  type ConversationId,
  type DeviceReference,
  type SignalFrame,
} from "@portcullis/protocol";
import type { EpochChange, Store } from "@portcullis/store";
import { DeviceConnection, welcomeFrame, type FrameSocket } from "./device-connection.ts";
import { byConversation, type FreshConversation } from "./fresh-conversation.ts";
import type { FreshItem } from "./group-draft.ts";
import { deviceKey, mapKey } from "./keys.ts";

/** Which connected devices get what. One connection for each device: the newest. */
export class Dispatcher {
  readonly #store: Store;
  readonly #connections = new Map<string, DeviceConnection>();
  readonly #subscribers = new Map<string, Set<DeviceConnection>>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Sends the Welcomes that wait and starts delivery from every cursor of the device. Between two groups. */
  async attach(device: DeviceReference, socket: FrameSocket, ready: Uint8Array): Promise<DeviceConnection> {
    const connection = new DeviceConnection(device, socket, this.#store);
    this.#connections.get(connection.key)?.close("SESSION_REPLACED");
    this.#connections.set(connection.key, connection);
    connection.send(ready);
    const { accountId, deviceId } = device;
    for (const welcome of await this.#store.welcomes.waitingFor(accountId, deviceId))
      connection.send(welcomeFrame(welcome));
    for (const membership of await this.#store.conversations.memberships(accountId, deviceId)) {
      const { conversationId, cursor, leftSequence } = membership;
      this.#subscribe(connection, conversationId, cursor, leftSequence ?? undefined);
    }
    connection.catchUp();
    return connection;
  }

  detach(connection: DeviceConnection): void {
    connection.stop();
    if (this.#connections.get(connection.key) === connection) this.#connections.delete(connection.key);
    for (const [key, subscribers] of this.#subscribers)
      if (subscribers.delete(connection) && subscribers.size === 0) this.#subscribers.delete(key);
  }

  /** A conversation that the device has just created. Between two groups. */
  created(conversationId: ConversationId, device: DeviceReference): void {
    const connection = this.#connections.get(deviceKey(device));
    if (connection !== undefined) this.#subscribe(connection, conversationId, 0);
  }

  /** Sends what has become durable to everybody who is connected and belongs there. */
  deliver(fresh: readonly FreshItem[]): void {
    for (const conversation of byConversation(fresh)) {
      for (const { epoch } of conversation.items) if (epoch !== undefined) this.#removed(conversation, epoch);
      for (const connection of this.#subscribers.get(mapKey(conversation.conversationId)) ?? [])
        connection.offer(conversation);
      for (const { epoch } of conversation.items) if (epoch !== undefined) this.#added(conversation, epoch);
    }
  }

  /** What a member's device says in passing, to the other members' devices that are connected and keep up. */
  relay(from: DeviceConnection, { conversationId, payload }: SignalFrame): void {
    if (!from.isMember(conversationId)) return;
    const { accountId: senderAccountId, deviceId: senderDeviceId } = from.device;
    const frame = { type: "signal" as const, conversationId, senderAccountId, senderDeviceId, payload };
    const bytes = encodeServerFrame(frame);
    for (const connection of this.#subscribers.get(mapKey(conversationId)) ?? [])
      if (connection !== from) connection.mention(conversationId, bytes);
  }

  /** To those of the devices that are connected. */
  tell(devices: readonly DeviceReference[], frame: Uint8Array): void {
    for (const device of devices) this.#connections.get(deviceKey(device))?.send(frame);
  }

  closeAll(code: string): void {
    for (const connection of this.#connections.values()) connection.close(code);
  }

  get size(): number {
    return this.#connections.size;
  }

  #removed({ conversationId }: FreshConversation, { removed, sequence }: EpochChange): void {
    for (const device of removed) this.#connections.get(deviceKey(device))?.leave(conversationId, sequence);
  }

  #added(conversation: FreshConversation, { added, roster, sequence }: EpochChange): void {
    const { conversationId } = conversation;
    let frame: { readonly of: Uint8Array; readonly bytes: Uint8Array } | undefined;
    for (const { accountId, deviceId, welcome } of added) {
      const connection = this.#connections.get(deviceKey({ accountId, deviceId }));
      if (connection === undefined) continue;
      if (frame?.of !== welcome) {
        const bytes = welcomeFrame({ conversationId, sequence, welcome, roster: roster.roster });
        frame = { of: welcome, bytes };
      }
      connection.welcome(conversationId, sequence, frame.bytes);
      this.#subscribersOf(conversationId).add(connection);
      connection.catchUp();
    }
  }

  #subscribe(
    connection: DeviceConnection,
    conversationId: ConversationId,
    position: number,
    upTo?: number,
  ): void {
    connection.subscribe(conversationId, position, upTo);
    this.#subscribersOf(conversationId).add(connection);
  }

  #subscribersOf(conversationId: ConversationId): Set<DeviceConnection> {
    const key = mapKey(conversationId);
    let subscribers = this.#subscribers.get(key);
    if (subscribers === undefined) {
      subscribers = new Set();
      this.#subscribers.set(key, subscribers);
    }
    return subscribers;
  }
}
