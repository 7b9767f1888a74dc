import { deviceOf } from "@portcullis/ledger/identity";
import type { AccountRecord } from "../account/account-record.ts";
import { isTransient } from "../errors.ts";
import type { EventHub } from "../event-hub.ts";
import type { ClientEvents } from "../host.ts";
import type { DeviceDirectory } from "./device-directory.ts";
import { checkOwnEntry, type IdentityAlarm } from "./own-entry.ts";

/** What the watch needs of its device. */
export interface WatchedDevice {
  readonly account: AccountRecord;
  readonly devices: DeviceDirectory;
  readonly events: EventHub<ClientEvents>;
  readonly ready: boolean;
  later(delayMs: number, task: () => void): void;
}

/** Looks again and again at what everybody is shown of this account, and alarms its owner (CLT-05). */
export class OwnEntryWatch {
  readonly #device: WatchedDevice;
  readonly #everyMs: number;
  readonly #onUnlinked: () => void;
  #isUnlinked = false;
  /** The connection for which it is watched. */
  #connection: object | undefined;

  constructor(device: WatchedDevice, { everyMs, onUnlinked }: { everyMs: number; onUnlinked: () => void }) {
    this.#device = device;
    this.#everyMs = everyMs;
    this.#onUnlinked = onUnlinked;
  }

  /** A list that everybody is shown and that names this device no more is another device's doing. */
  get isUnlinked(): boolean {
    return this.#isUnlinked;
  }

  /** At each connection, and then at intervals for as long as it lasts. */
  begin(): void {
    const connection = {};
    this.#connection = connection;
    const look = async (): Promise<void> => {
      if (this.#connection !== connection || !this.#device.ready) return;
      try {
        await this.look();
      } catch (error) {
        if (!isTransient(error)) this.#device.events.emit("fault", error);
      }
      this.#device.later(this.#everyMs, () => void look());
    };
    void look();
  }

  /** @throws ClientError CLIENT_SERVER_UNREACHABLE */
  async look(): Promise<void> {
    const alarm = await checkOwnEntry(this.#device.account, this.#device.devices);
    if (alarm !== undefined) this.alarm(alarm);
  }

  /** A list that does not name this device ends it as well, whoever made that list. */
  alarm(alarm: IdentityAlarm): void {
    const { events, account } = this.#device;
    events.emit("identity-alarm", alarm);
    if (alarm.list === undefined || deviceOf(alarm.list, account.deviceId) !== undefined) return;
    this.#onUnlinked();
    if (this.#isUnlinked) return;
    this.#isUnlinked = true;
    events.emit("unlinked", {});
  }
}
