import { verifyDeviceList } from "@portcullis/ledger/identity";
import {
  equalBytes,
  PortcullisError,
  toBase64Url,
  type DeviceId,
  type DeviceReference,
} from "@portcullis/protocol";
import type { KeyPackageClaims } from "../account/key-package-claims.ts";
import { isTransient } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Addition } from "../outbox/outbox-entry.ts";
import { isRefusal } from "../server/server-api.ts";
import type { Conversation } from "./conversation.ts";
import type { MemberDevicesKeeper } from "./member-devices.ts";
import { Lane } from "../lane.ts";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30_000;

/** The client is at its end, and so is the look. */
const ENDS: ReadonlySet<string> = new Set(["CLIENT_STORE_FAILED", "CLIENT_CLOSED"]);

/** What it takes to change which devices of one's own account are in a conversation. */
export interface OwnDevicesHost extends Host {
  readonly conversations: ReadonlyMap<string, Conversation>;
  readonly claims: Pick<KeyPackageClaims, "ofOwn">;
  readonly memberDevices: Pick<MemberDevicesKeeper, "settle">;
}

/**
 * Sees to it that the devices of this account in each conversation are those of its list. It compares and keeps nothing,
 * and so goes on after any crash.
 */
export class OwnDevicesKeeper {
  readonly #host: OwnDevicesHost;
  readonly #lane = new Lane();
  #waitMs = FIRST_WAIT_MS;
  #waiting = false;

  constructor(host: OwnDevicesHost) {
    this.#host = host;
    // Whoever added this device may have had no KeyPackage of another one.
    host.events.on("conversation", () => this.lookSoon());
  }

  /**
   * Resolves when every conversation was looked at; a device that cannot be added yet is tried again.
   * @throws ClientError CLIENT_STORE_FAILED, CLIENT_CLOSED
   */
  look(): Promise<void> {
    return this.#lane.run(() => this.#alignAll());
  }

  async #alignAll(): Promise<void> {
    let done = true;
    for (const conversation of this.#host.conversations.values()) {
      try {
        done = (await this.#align(conversation)) && done;
      } catch (error) {
        if (!(error instanceof PortcullisError) || ENDS.has(error.code)) throw error;
        // What else is wrong with a conversation, it says itself.
        if (isTransient(error)) done = false;
      }
    }
    if (done) this.#waitMs = FIRST_WAIT_MS;
    else this.#lookAgain();
  }

  /** The same, and nobody waits for it. */
  lookSoon(): void {
    this.look().catch((error: unknown) => this.#host.stop(error));
  }

  #lookAgain(): void {
    if (this.#waiting || !this.#host.ready) return;
    this.#waiting = true;
    this.#host.later(this.#waitMs, () => {
      this.#waiting = false;
      this.lookSoon();
    });
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_WAIT_MS);
  }

  /** False when a device could not be added yet. */
  async #align(conversation: Conversation): Promise<boolean> {
    const { sendingEpoch, outbox, watchers } = conversation;
    if (!this.#host.ready || sendingEpoch === undefined || sendingEpoch.group.epoch === 0) return true;
    const difference = await this.#difference(sendingEpoch.group.members);
    if (difference === undefined) return true;
    const { missing, gone } = difference;
    const isFit = missing.length === 0 || (await this.#host.memberDevices.settle(conversation));
    const add = isFit ? await this.#claim(missing) : [];
    const { epoch } = conversation;
    if (add.length > 0 || gone.length > 0) {
      await outbox.add({ kind: "commit", add, remove: [], removeDevices: gone });
      await watchers.until(() => conversation.epoch !== epoch);
    }
    return add.length === missing.length;
  }

  /**
   * `missing`: what this device knows to be listed and the log shows. `gone`: what the log does not show any more;
   * a device that another one has linked may be news to this one, and stays.
   */
  async #difference(
    members: readonly DeviceReference[],
  ): Promise<{ missing: DeviceId[]; gone: DeviceReference[] } | undefined> {
    const { account, devices: directory } = this.#host;
    const { accountId } = account;
    const present = members.filter((member) => equalBytes(member.accountId, accountId));
    const known = verifyDeviceList(account.signedDeviceList).devices;
    if (present.length === known.length && known.every((device) => isIn(present, device))) return undefined;
    const stands = (await directory.current([accountId])).get(toBase64Url(accountId))?.devices ?? [];
    // A device that was unlinked itself has no say any more.
    if (!isIn(stands, account)) return undefined;
    const missing = known.filter((device) => isIn(stands, device) && !isIn(present, device));
    const gone = present.filter((device) => !isIn(stands, device));
    return {
      missing: missing.map(({ deviceId }) => deviceId),
      gone: gone.map(({ deviceId }) => ({ accountId, deviceId })),
    };
  }

  /** Those that can be had now: a device that is new has not left its KeyPackages yet, and holds up no other. */
  async #claim(missing: readonly DeviceId[]): Promise<readonly Addition[]> {
    const claimed: Addition[] = [];
    for (const deviceId of missing) {
      try {
        claimed.push(...(await this.#host.claims.ofOwn([deviceId])));
      } catch (error) {
        if (!isTransient(error) && !isRefusal(error, "KEY_PACKAGES_NONE")) throw error;
      }
    }
    return claimed;
  }
}

interface HasDevice {
  readonly deviceId: DeviceId;
}

function isIn(devices: readonly HasDevice[], { deviceId }: HasDevice): boolean {
  return devices.some((one) => equalBytes(one.deviceId, deviceId));
}
