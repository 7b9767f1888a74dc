import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { fromBase64, toBase64 } from "@portcullis/protocol";

/** A value of a row, or a file: bytes are said to be such. */
type Value = string | number | null | { readonly base64: string };

interface KeptDatabase {
  readonly version: number;
  /** What makes tables and indexes, in order. */
  readonly schema: readonly string[];
  readonly rows: Readonly<Record<string, readonly (readonly Value[])[]>>;
}

/** A folder as text that people can read and compare: databases row by row, other files as they are. */
export type KeptState = Readonly<
  Record<string, { readonly database: KeptDatabase } | { readonly file: Value }>
>;

/** Whose locks and logs mean nothing to another process. */
const PASSING = /(?:^|\/)(?:lock|pid)$|-(?:wal|shm)$/;

export function keepState(directory: string): KeptState {
  const paths = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .filter((path) => !PASSING.test(path))
    .sort();
  return Object.fromEntries(
    paths.map((path) => {
      const bytes = readFileSync(join(directory, path));
      const isDatabase = bytes.subarray(0, 15).toString() === "SQLite format 3";
      return [path, isDatabase ? { database: keepDatabase(join(directory, path)) } : { file: kept(bytes) }];
    }),
  );
}

export function restoreState(state: KeptState, directory: string): void {
  for (const [path, what] of Object.entries(state)) {
    const to = join(directory, path);
    mkdirSync(dirname(to), { recursive: true });
    if ("database" in what) restoreDatabase(what.database, to);
    else writeFileSync(to, restored(what.file) as Uint8Array | string, { mode: 0o600 });
  }
}

function keepDatabase(path: string): KeptDatabase {
  const database = new DatabaseSync(path);
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  const master = database
    .prepare("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
    .all() as { type: string; name: string; sql: string }[];
  const tables = master.filter(({ type }) => type === "table").map(({ name }) => name);
  const rows = tables.map((name) => {
    const all = database.prepare(`SELECT * FROM "${name}"`).all();
    return [name, all.map((row) => Object.values(row).map((value) => kept(value as SQLInputValue)))] as const;
  });
  database.close();
  return { version, schema: master.map(({ sql }) => sql), rows: Object.fromEntries(rows) };
}

function restoreDatabase({ version, schema, rows }: KeptDatabase, path: string): void {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  database.exec(`BEGIN; ${schema.join(";\n")}; PRAGMA user_version = ${version};`);
  for (const [table, all] of Object.entries(rows))
    for (const row of all)
      database
        .prepare(`INSERT INTO "${table}" VALUES (${row.map(() => "?").join(", ")})`)
        .run(...row.map(restored));
  database.exec("COMMIT");
  database.close();
}

function kept(value: SQLInputValue): Value {
  if (value instanceof Uint8Array) {
    const bytes = new Uint8Array(value);
    return { base64: toBase64(bytes) };
  }
  return value as Value;
}

function restored(value: Value): SQLInputValue {
  return value !== null && typeof value === "object" ? fromBase64(value.base64) : value;
}
