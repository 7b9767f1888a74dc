// Copies what we run of the vectors of mlswg/mls-implementations: node vectors/mls/select.ts <its folder test-vectors>
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv } from "node:process";

type Vector = Record<string, unknown>;

const SUITE = 1;
const ofSuite = (vector: Vector): boolean => vector["cipher_suite"] === SUITE;
const first =
  (count: number) =>
  (_: Vector, index: number): boolean =>
    index < count;

const kinds: Record<string, (vector: Vector, index: number) => boolean> = {
  "tree-math": first(9),
  deserialization: first(14),
  "crypto-basics": ofSuite,
  "key-schedule": ofSuite,
  "secret-tree": ofSuite,
  "message-protection": ofSuite,
  "transcript-hashes": ofSuite,
  welcome: ofSuite,
  "tree-operations": ofSuite,
  "tree-validation": ofSuite,
  treekem: ofSuite,
  messages: first(3),
  "passive-client-welcome": ofSuite,
  "passive-client-handling-commit": ofSuite,
};

for (const [kind, select] of Object.entries(kinds)) {
  const vectors = JSON.parse(readFileSync(join(argv[2] ?? ".", `${kind}.json`), "utf8")) as Vector[];
  const chosen = vectors.filter(select).map((vector) => JSON.stringify(vector));
  writeFileSync(join(import.meta.dirname, `${kind}.json`), `[\n${chosen.join(",\n")}\n]\n`);
}
