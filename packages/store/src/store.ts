import { CamelCasePlugin, Kysely, SqliteDialect } from "kysely";
import { Accounts } from "./repositories/accounts.ts";
import { Backups } from "./repositories/backups.ts";
import { Blobs } from "./repositories/blobs.ts";
import { Connection, type Fault } from "./repositories/connection.ts";
import { Conversations } from "./repositories/conversations.ts";
import { Invites } from "./repositories/invites.ts";
import type { Items } from "./repositories/items.ts";
import { JoinRequests } from "./repositories/join-requests.ts";
import { KeyPackages } from "./repositories/key-packages.ts";
import { Links } from "./repositories/links.ts";
import { Openings } from "./repositories/openings.ts";
import { Orders } from "./repositories/orders.ts";
import { Recoveries } from "./repositories/recoveries.ts";
import { SealedBuckets } from "./repositories/sealed-buckets.ts";
import { Reports } from "./repositories/reports.ts";
import { Sessions } from "./repositories/sessions.ts";
import { Welcomes } from "./repositories/welcomes.ts";
import type { Schema } from "./schema.ts";
import { KyselyDatabase, openDatabase } from "./sqlite/database.ts";
import { SqliteItems } from "./sqlite/items.ts";

/** The server's database, one repository per noun. */
export interface Store {
  readonly accounts: Accounts;
  readonly invites: Invites;
  readonly recoveries: Recoveries;
  readonly backups: Backups;
  readonly links: Links;
  readonly keyPackages: KeyPackages;
  readonly conversations: Conversations;
  readonly items: Items;
  readonly welcomes: Welcomes;
  readonly joinRequests: JoinRequests;
  readonly sealedBuckets: SealedBuckets;
  readonly blobs: Blobs;
  readonly reports: Reports;
  readonly openings: Openings;
  readonly orders: Orders;
  readonly sessions: Sessions;
  /** Waits for what is under way and closes the database. */
  close(): Promise<void>;
}

/**
 * Opens the database file, made when missing. One process may have it open: hold the data directory.
 * @throws StoreError STORE_NEWER
 */
export function openStore(path: string, fault: Fault = () => {}): Store {
  const database = openDatabase(path);
  const query = new Kysely<Schema>({
    dialect: new SqliteDialect({ database: new KyselyDatabase(database) }),
    plugins: [new CamelCasePlugin()],
  });
  const connection = new Connection(query, fault);
  return {
    accounts: new Accounts(connection),
    invites: new Invites(connection),
    recoveries: new Recoveries(connection),
    backups: new Backups(connection),
    links: new Links(connection),
    keyPackages: new KeyPackages(connection),
    conversations: new Conversations(connection),
    items: new SqliteItems(database, connection),
    welcomes: new Welcomes(connection),
    joinRequests: new JoinRequests(connection),
    sealedBuckets: new SealedBuckets(connection),
    blobs: new Blobs(connection),
    reports: new Reports(connection),
    openings: new Openings(connection),
    orders: new Orders(connection),
    sessions: new Sessions(connection),
    close: async () => {
      await query.connection().execute(async () => {});
      await query.destroy();
    },
  };
}
