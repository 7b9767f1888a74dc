import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  acceptInvite,
  createAccount,
  linkDevice,
  PortcullisClient,
  type ShownCode,
  type TrustConfig,
} from "@portcullis/client";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import type { Clock } from "@portcullis/protocol";
import { CliError } from "../errors.ts";

/** How somebody comes to the account in a directory. */
export type Entrance =
  | { readonly way: "kept" }
  | { readonly way: "invite"; readonly link: string; readonly handle: string; readonly server?: string }
  | { readonly way: "link"; readonly server: string; readonly show: (code: ShownCode) => void };

/** trust.json of a chat: where the server is, and what it is measured against. */
interface Home {
  readonly server: string;
  readonly trust: TrustConfig;
}

const TRUST_FILE = "trust.json";

/** The account in a directory that only its owner can read; not connected. @throws CliError CLI_CHAT_DATA, ClientError */
export async function openAccount(
  directory: string,
  entrance: Entrance,
  times: { readonly clock?: Clock } = {},
): Promise<PortcullisClient> {
  const kept = keptHome(directory);
  if (entrance.way === "kept" && kept === undefined) throw new CliError("CLI_CHAT_DATA", { directory });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, "client.sqlite");
  const base = { platform: nodePlatform, ...times };
  switch (entrance.way) {
    case "kept": {
      const home = kept as Home;
      return PortcullisClient.open({ ...base, ...home, store: openStore(file) });
    }
    case "invite": {
      const { link, handle } = entrance;
      const accepted = await acceptInvite(link, nodePlatform.fetch);
      const home = { server: entrance.server ?? accepted.server, trust: accepted.trust };
      // Kept first: a start that was cut off goes on with the same account.
      keepHome(directory, home, kept);
      return createAccount({ ...base, ...home, store: openStore(file), invite: accepted.invite, handle });
    }
    case "link":
      break;
  }
  const { server, show } = entrance;
  const { client, trust } = await linkDevice({ ...base, server, show, store: openStore(file) });
  keepHome(directory, { server, trust }, kept);
  return client;
}

function openStore(file: string): SqliteStore {
  // SQLite gives its other files the mode of this one.
  if (!existsSync(file)) writeFileSync(file, "", { mode: 0o600 });
  chmodSync(file, 0o600);
  return new SqliteStore(file);
}

function keptHome(directory: string): Home | undefined {
  const file = join(directory, TRUST_FILE);
  if (!existsSync(file)) return undefined;
  try {
    const home: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (isHome(home)) return home;
  } catch {
    // It is not even JSON.
  }
  throw new CliError("CLI_CHAT_DATA", { file });
}

/** What the keys in it are worth, the client finds out when it connects. */
function isHome(value: unknown): value is Home {
  const { server, trust } = (value ?? {}) as Partial<Home>;
  const isThere = typeof server === "string" && typeof trust === "object";
  return isThere && typeof trust.log === "string" && Array.isArray(trust.witnesses);
}

/** A directory belongs to one server for good. @throws CliError CLI_CHAT_DATA_IN_USE */
function keepHome(directory: string, home: Home, kept: Home | undefined): void {
  if (kept !== undefined) {
    if (JSON.stringify(kept) !== JSON.stringify(home))
      throw new CliError("CLI_CHAT_DATA_IN_USE", { directory });
    return;
  }
  const file = join(directory, TRUST_FILE);
  writeFileSync(`${file}.new`, `${JSON.stringify(home, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}
