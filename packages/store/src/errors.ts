import { PortcullisError } from "@portcullis/protocol";

/** What `store` throws, with the sentence that docs/errors.md and the message share. */
export const storeErrors = {
  STORE_NOT_DATA_DIRECTORY: "The folder holds files, but no data of Portcullis.",
  STORE_WRONG_PROGRAM: "The data directory belongs to another program.",
  STORE_NOT_DEMONSTRATION:
    "A demonstration clock works only in a directory that was made for a demonstration.",
  STORE_IS_DEMONSTRATION: "A directory that was made for a demonstration cannot be used in earnest.",
  STORE_LOCKED: "Another process uses this data directory.",
  STORE_CLOCK_UNREADABLE: "The clock file of the demonstration cannot be read.",
  STORE_CLOCK_BACKWARDS: "The demonstration clock only goes forward.",
  STORE_NEWER: "The database was written by a newer version of this program.",
} as const;

export type StoreErrorCode = keyof typeof storeErrors;

/** A data directory or database that cannot be used as asked. `facts` name the file. */
export class StoreError extends PortcullisError<StoreErrorCode> {
  constructor(code: StoreErrorCode, facts: Readonly<Record<string, unknown>> = {}) {
    super(code, storeErrors[code], facts);
  }
}
