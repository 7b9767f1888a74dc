import { dirname, join } from "node:path";
import { sha256 } from "@portcullis/crypto";
import { fromUtf8, toHex, utf8 } from "@portcullis/protocol";
import { addCheckpoint, type WitnessAnswer, type WitnessRecord } from "../add-checkpoint.ts";
import { LedgerError } from "../errors.ts";
import type { NoteSigner } from "../note-signer.ts";
import { parseCheckpoint, verifyCosignature } from "../verify/checkpoint.ts";
import { isBy, parseNote } from "../verify/signed-note.ts";
import type { VerifierKey } from "../verify/verifier-key.ts";
import { replaceFile, systemFiles, type FileOperations } from "./file-operations.ts";
import { OneAtATime } from "./one-at-a-time.ts";

export interface WitnessStoreOptions {
  readonly directory: string;
  readonly signer: NoteSigner;
  /** The keys of the logs; a log is known by its key's name. */
  readonly logs: readonly VerifierKey[];
  readonly files?: FileOperations;
}

/** How a log is named in files and addresses: hex of the SHA-256 of its origin. C2SP tlog-witness. */
export function originHash(origin: string): string {
  return toHex(sha256(utf8(origin)));
}

/**
 * A witness's memory: of each log the latest checkpoint that it cosigned, in a file `<origin hash>.checkpoint`. Trusted:
 * whoever can take it back can make the witness cosign two histories (WIT-06).
 */
export class WitnessStore {
  readonly #directory: string;
  readonly #signer: NoteSigner;
  readonly #logs: readonly VerifierKey[];
  readonly #files: FileOperations;
  readonly #writes = new OneAtATime();
  readonly #records = new Map<string, WitnessRecord>();

  private constructor(options: WitnessStoreOptions) {
    this.#directory = options.directory;
    this.#signer = options.signer;
    this.#logs = options.logs;
    this.#files = options.files ?? systemFiles;
  }

  /** @throws LedgerError WITNESS_STATE when a record is not one that this witness made */
  static async open(options: WitnessStoreOptions): Promise<WitnessStore> {
    const store = new WitnessStore(options);
    await store.#files.makeFolder(options.directory);
    await store.#files.syncFolder(dirname(options.directory));
    for (const origin of new Set(options.logs.map((log) => log.name))) {
      const bytes = await store.#files.read(store.#path(origin));
      if (bytes === undefined) continue;
      const record = openRecord(bytes, origin, options.signer.key);
      // what was read may not be on disk yet, and is about to be relied on
      await replaceFile(store.#files, store.#path(origin), utf8(record.note));
      store.#records.set(origin, record);
    }
    return store;
  }

  #path(origin: string): string {
    return join(this.#directory, `${originHash(origin)}.checkpoint`);
  }

  /** The note that the witness serves to monitors, by the hash of the origin; undefined if it has cosigned none. */
  note(hash: string): string | undefined {
    for (const [origin, record] of this.#records) if (originHash(origin) === hash) return record.note;
    return undefined;
  }

  /** One call of add-checkpoint. Calls are taken one after the other, and the answer is durable. @throws LedgerError LEDGER_FAILED */
  addCheckpoint(request: string, nowMs: number): Promise<WitnessAnswer> {
    return this.#writes.run(
      async () =>
        addCheckpoint({
          request,
          latest: (origin) => this.#records.get(origin)?.checkpoint,
          keys: this.#logs,
          signer: this.#signer,
          nowMs,
        }),
      async ({ answer, record }) => {
        if (record === undefined) return answer;
        const { origin } = record.checkpoint;
        await replaceFile(this.#files, this.#path(origin), utf8(record.note));
        this.#records.set(origin, record);
        return answer;
      },
    );
  }
}

function openRecord(bytes: Uint8Array, origin: string, key: VerifierKey): WitnessRecord {
  try {
    const note = fromUtf8(bytes);
    const { text, signatures } = parseNote(note);
    const checkpoint = parseCheckpoint(text);
    const own = signatures.find((signature) => isBy(signature, key));
    if (own === undefined || checkpoint.origin !== origin) throw new LedgerError("WITNESS_STATE");
    verifyCosignature(key, text, own);
    return { checkpoint, note };
  } catch {
    throw new LedgerError("WITNESS_STATE", { origin });
  }
}
