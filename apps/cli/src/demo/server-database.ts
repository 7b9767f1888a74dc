import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { labelHash } from "@portcullis/access";
import { aeadOpenPrefixed } from "@portcullis/crypto";
import { decodeSealedBucket, equalBytes } from "@portcullis/protocol";

/** A bucket key that an order yielded, and the label that it belongs to. */
export interface BucketKey {
  readonly key: Uint8Array;
  readonly labelHash: Uint8Array;
}

/** The server's own database, read as its administrator could read it. */
export class ServerDatabase {
  readonly #database: DatabaseSync;

  constructor(serverFolder: string) {
    this.#database = new DatabaseSync(join(serverFolder, "portcullis.sqlite"), { readOnly: true });
  }

  countSealedBuckets(): number {
    return Number(this.#database.prepare("SELECT count(*) AS count FROM sealed_buckets").get()?.["count"]);
  }

  /**
   * How many stored records outside the keys' own buckets open with any of the keys: each is tried with the label of
   * the record's bucket, and with that of the key's.
   */
  countOpenedOutside(keys: readonly BucketKey[]): number {
    const rows = this.#database
      .prepare(
        "SELECT record, sealed_bucket FROM items JOIN sealed_buckets USING (sealed_bucket_hash) WHERE record IS NOT NULL",
      )
      .iterate();
    let opened = 0;
    for (const row of rows) {
      const record = row["record"] as Uint8Array;
      const own = labelHash(decodeSealedBucket(row["sealed_bucket"] as Uint8Array).label);
      if (keys.some((key) => equalBytes(key.labelHash, own))) continue;
      if (keys.some(({ key, labelHash: other }) => opens(key, record, own) || opens(key, record, other)))
        opened++;
    }
    return opened;
  }

  close(): void {
    this.#database.close();
  }
}

function opens(key: Uint8Array, record: Uint8Array, associatedData: Uint8Array): boolean {
  try {
    aeadOpenPrefixed(key, record, associatedData);
    return true;
  } catch {
    return false;
  }
}
