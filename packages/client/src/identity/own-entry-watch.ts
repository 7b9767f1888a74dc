import { deviceOf } from "@portcullis/ledger/identity";
import type { AccountRecord } from "../account/account-record.ts";
import { Recurring, type LookingDevice } from "../recurring.ts";
import type { DeviceDirectory } from "./device-directory.ts";
import { checkOwnEntry, type IdentityAlarm } from "./own-entry.ts";

/** What the watch needs of its device. */
export interface WatchedDevice extends LookingDevice {
  readonly account: AccountRecord;
  readonly devices: DeviceDirectory;
}

/** Looks again and again at what everybody is shown of this account, and alarms its owner (CLT-05). */
export class OwnEntryWatch {
  readonly #device: WatchedDevice;
  readonly #recurring: Recurring;
  readonly #onUnlinked: () => void;
  #isUnlinked = false;

  constructor(device: WatchedDevice, { everyMs, onUnlinked }: { everyMs: number; onUnlinked: () => void }) {
    this.#device = device;
    this.#recurring = new Recurring(device, everyMs, () => this.look());
    this.#onUnlinked = onUnlinked;
  }

  /** A list that everybody is shown and that names this device no more is another device's doing. */
  get isUnlinked(): boolean {
    return this.#isUnlinked;
  }

  /** At each connection, and then at intervals for as long as it lasts. */
  begin(): void {
    this.#recurring.begin();
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
