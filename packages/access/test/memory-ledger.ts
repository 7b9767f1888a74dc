import { merklePath, merkleRoot } from "@portcullis/crypto";
import { cosignNoteText, makeNoteSigner, signCheckpoint } from "@portcullis/ledger";
import { formatCheckpoint, formatTlogProof } from "@portcullis/ledger/verify";
import { entryOf, sealOpening, type OpeningKind } from "../src/entry.ts";
import type { LedgerUpdate } from "../src/ledger-view.ts";
import { seededRandom } from "@portcullis/testkit";
import { keyNamed } from "./foundation.ts";

const WITNESSES = ["witness.one", "witness.two"] as const;

/** A log and its witnesses in memory: the formats and signatures are real, the storage is an array. */
export class MemoryLedger {
  readonly origin: string;
  readonly entries: Uint8Array[] = [];
  readonly openings: Uint8Array[] = [];
  cosignedAtMs: number;
  witnesses: readonly string[] = WITNESSES;

  constructor(origin: string, cosignedAtMs: number) {
    this.origin = origin;
    this.cosignedAtMs = cosignedAtMs;
  }

  /** The same log up to here, to be continued apart from this one. */
  fork(): MemoryLedger {
    const copy = new MemoryLedger(this.origin, this.cosignedAtMs);
    copy.entries.push(...this.entries);
    copy.openings.push(...this.openings);
    copy.witnesses = this.witnesses;
    return copy;
  }

  /** An entry as it is. Its index. */
  appendEntry(entry: Uint8Array): number {
    return this.entries.push(entry) - 1;
  }

  /** An opening, and the entry that commits to it. Its index. */
  append(opening: Uint8Array): number {
    this.openings[this.entries.length] = opening;
    return this.appendEntry(entryOf(opening));
  }

  add(kind: OpeningKind, body: Uint8Array): number {
    const random = seededRandom(`${kind} ${this.entries.length}`);
    return this.append(sealOpening(kind, body, random).opening);
  }

  checkpoint(size = this.entries.length): string {
    const algorithm = "ed25519" as const;
    const log = makeNoteSigner({ name: this.origin, algorithm, signingKey: keyNamed(this.origin) });
    const checkpoint = { origin: this.origin, size, root: merkleRoot(this.entries.slice(0, size)) };
    const text = formatCheckpoint(checkpoint);
    const cosignatures = this.witnesses.map((name) => {
      const signer = makeNoteSigner({ name, algorithm: "cosignature/v1", signingKey: keyNamed(name) });
      return cosignNoteText(signer, text, this.cosignedAtMs);
    });
    return signCheckpoint(log, checkpoint) + cosignatures.join("");
  }

  proof(index: number): string {
    return formatTlogProof({ index, path: merklePath(this.entries, index), checkpoint: this.checkpoint() });
  }

  /** What a server answers to a reader who has seen the first `from` entries. */
  update(from: number): LedgerUpdate {
    const openings = this.entries.slice(from).map((_, i) => this.openings[from + i]);
    return { openings, checkpoint: this.checkpoint() };
  }
}
