import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Shorter texts would be found by chance, or are words of the protocol. */
const SHORTEST_TEXT = 12;
const CHUNK_BYTES = 8 * 1024 * 1024;
const FILTER_BITS = 22;

interface Needle {
  readonly bytes: Buffer;
  readonly text: number;
}

/** How many of `texts` (distinct, of 12 characters or more) stand somewhere below `folder`, in any of the forms below. */
export function plaintextFoundIn(folder: string, texts: Iterable<string>): number {
  const scanner = new PlaintextScanner(texts);
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const file = join(folder, path);
    // A running server renames and removes files; what it renamed is found under its new name.
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) continue;
    scanner.scanFile(file);
    if (isDatabase(file)) scanner.scanDatabase(file);
  }
  return scanner.found.size;
}

/** Finds many texts at once in the forms in which a server might keep them by mistake. */
export class PlaintextScanner {
  readonly found: Set<number> = new Set<number>();
  readonly #needles = new Map<number, Needle[]>();
  /** One bit for each hash of eight bytes that begins a needle: nearly every offset is dismissed here. */
  readonly #filter = new Uint8Array(2 ** FILTER_BITS / 8);
  #longest = 0;

  constructor(texts: Iterable<string>) {
    const distinct = [...new Set(texts)].filter((text) => text.length >= SHORTEST_TEXT);
    distinct.forEach((text, index) => {
      for (const bytes of formsOf(text)) this.#add({ bytes, text: index });
    });
  }

  #add(needle: Needle): void {
    const hash = hashAt(new DataView(needle.bytes.buffer, needle.bytes.byteOffset, needle.bytes.length), 0);
    this.#needles.set(hash, [...(this.#needles.get(hash) ?? []), needle]);
    this.#filter[hash >>> 3] = (this.#filter[hash >>> 3] as number) | (1 << (hash & 7));
    this.#longest = Math.max(this.#longest, needle.bytes.length);
  }

  scan(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let offset = 0; offset + 8 <= bytes.length; offset++) {
      const hash = hashAt(view, offset);
      if (((this.#filter[hash >>> 3] as number) & (1 << (hash & 7))) === 0) continue;
      for (const { bytes: needle, text } of this.#needles.get(hash) ?? []) {
        if (
          haystack.compare(
            needle,
            0,
            needle.length,
            offset,
            Math.min(offset + needle.length, haystack.length),
          ) === 0
        )
          this.found.add(text);
      }
    }
  }

  /** In pieces that overlap by the longest form, so that none falls between two. */
  scanFile(file: string): void {
    const descriptor = openSync(file, "r");
    try {
      const buffer = Buffer.alloc(CHUNK_BYTES + this.#longest);
      for (let position = 0, read = -1; read !== 0; position += CHUNK_BYTES) {
        read = readSync(descriptor, buffer, 0, buffer.length, position);
        this.scan(buffer.subarray(0, read));
      }
    } finally {
      closeSync(descriptor);
    }
  }

  /** Every value of every column: SQLite splits long values over pages, so that the file alone would not do. */
  scanDatabase(file: string): void {
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
      for (const { name } of tables) {
        for (const row of database
          .prepare(`SELECT * FROM "${String(name).replaceAll('"', '""')}"`)
          .iterate()) {
          Object.values(row).forEach((value) => this.#scanValue(value));
        }
      }
    } finally {
      database.close();
    }
  }

  #scanValue(value: unknown): void {
    if (typeof value === "string") this.scan(Buffer.from(value, "utf8"));
    else if (value instanceof Uint8Array) this.scan(value);
  }
}

function hashAt(view: DataView, offset: number): number {
  const mixed =
    Math.imul(view.getUint32(offset, true), 0x9e3779b1) ^
    Math.imul(view.getUint32(offset + 4, true), 0x85ebca6b);
  return mixed >>> (32 - FILTER_BITS);
}

/** UTF-8, UTF-16LE, hex in both cases, base64 and base64url at three alignments, JSON-escaped with and without \u. */
export function formsOf(text: string): Buffer[] {
  const utf8 = Buffer.from(text, "utf8");
  const hex = utf8.toString("hex");
  const escaped = JSON.stringify(text).slice(1, -1);
  const ascii = escaped.replaceAll(
    /[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const forms = [
    hex,
    hex.toUpperCase(),
    escaped,
    ascii,
    ...[0, 1, 2].flatMap((before) => [
      base64Within(utf8, before, "base64"),
      base64Within(utf8, before, "base64url"),
    ]),
  ];
  return [
    utf8,
    Buffer.from(text, "utf16le"),
    ...[...new Set(forms)].map((form) => Buffer.from(form, "utf8")),
  ];
}

/** The characters that a text surely has inside a longer base64 text, when `before` bytes (mod 3) stand in front of it. */
function base64Within(bytes: Buffer, before: number, encoding: "base64" | "base64url"): string {
  const whole = Buffer.concat([Buffer.alloc(before), bytes]);
  return whole.toString(encoding).slice(Math.ceil((before * 8) / 6), Math.floor((whole.length * 8) / 6));
}

function isDatabase(file: string): boolean {
  const head = Buffer.alloc(16);
  const descriptor = openSync(file, "r");
  try {
    readSync(descriptor, head, 0, 16, 0);
  } finally {
    closeSync(descriptor);
  }
  return head.toString("latin1") === "SQLite format 3\0";
}
