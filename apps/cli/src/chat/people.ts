import type { PortcullisClient } from "@portcullis/client";
import { equalBytes, prepareHandle, toBase64Url, toHex, type AccountId } from "@portcullis/protocol";
import { CliError } from "../errors.ts";
import { plainText } from "./plain-text.ts";

const SETTING = "chat.handles";
/** Settings are small, all together. */
const MOST_KEPT = 100;

/** Names of accounts, as far as this person has looked them up; they are kept, so that a restart shows them too. */
export class People {
  readonly #client: PortcullisClient;
  /** Handles by account id in base64url. */
  readonly #handles: Map<string, string>;

  constructor(client: PortcullisClient) {
    this.#client = client;
    const kept = client.settings.get(SETTING)?.split(" ") ?? [];
    this.#handles = new Map(kept.map((pair) => pair.split("=") as [string, string]));
  }

  /** @throws CliError CLI_CHAT_HANDLE */
  async named(handle: string): Promise<AccountId> {
    const accountId = await this.#client.findAccount(handle);
    if (accountId === undefined) throw new CliError("CLI_CHAT_HANDLE", { handle });
    this.#handles.set(toBase64Url(accountId), prepareHandle(handle));
    const kept = [...this.#handles].slice(-MOST_KEPT).map((pair) => pair.join("="));
    await this.#client.settings.set(SETTING, kept.join(" "));
    return accountId;
  }

  /** "you", a handle, or the beginning of the account's id. */
  nameOf(accountId: AccountId): string {
    if (equalBytes(accountId, this.#client.accountId)) return "you";
    const handle = this.#handles.get(toBase64Url(accountId));
    return handle === undefined ? `account ${toHex(accountId).slice(0, 8)}` : plainText(handle);
  }

  namesOf(accounts: readonly AccountId[]): string {
    return accounts.map((accountId) => this.nameOf(accountId)).join(", ");
  }
}
