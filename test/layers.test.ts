import assert from "node:assert/strict";
import { test } from "node:test";
import { filesBelow, read, workspaces } from "./house.ts";

/** The layers of README.md, lowest first. An import may only point down. */
const layers: readonly (readonly string[])[] = [
  ["protocol"],
  ["crypto"],
  ["ledger", "access"],
  ["mls", "store"],
  ["client"],
  ["server", "custodian", "witness"],
  ["cli"],
];
/** `access` stands on `ledger`, though both are of layer 2; the command line starts the programs beside it. */
const sideways = new Set(["access -> ledger"]);
/** What the server may reach, package by package: never what could read a message. */
const serverMay = new Set([
  "store",
  "store/directory",
  "access/verify",
  "ledger",
  "ledger/node",
  "ledger/identity",
  "ledger/verify",
  "protocol",
  "crypto",
]);

const IMPORT = /(?:from|import)\s*\(?\s*"(@portcullis\/[^"]+)"/g;
const THIRD_PARTY = /(?:from|import)\s*\(?\s*"((?:@noble|@hpke|libsodium)[^"]*)"/g;

interface Import {
  readonly file: string;
  readonly importer: string;
  readonly target: string;
}

function importsOf(files: readonly string[], pattern: RegExp): Import[] {
  return files.flatMap((file) =>
    [...read(file).matchAll(pattern)].map((match) => ({
      file,
      importer: file.split("/")[1] as string,
      target: (match[1] as string).replace("@portcullis/", ""),
    })),
  );
}

const sources = [
  ...workspaces("packages").filter((name) => name !== "testkit"),
  ...workspaces("apps"),
].flatMap((name) =>
  filesBelow(workspaces("packages").includes(name) ? `packages/${name}` : `apps/${name}`, /^src\/.*\.ts$/),
);
const layerOf = (name: string): number => layers.findIndex((layer) => layer.includes(name));

export function violations(imports: readonly Import[]): string[] {
  return imports.flatMap(({ file, importer, target }) => {
    const to = target.split("/")[0] as string;
    if (to === importer || sideways.has(`${importer} -> ${to}`)) return [];
    if (layerOf(to) < 0 || layerOf(to) >= layerOf(importer))
      return [`${file}: ${importer} must not import ${target}`];
    if (importer === "server" && !serverMay.has(target))
      return [`${file}: the server must not reach ${target}`];
    // A custodian or a witness keeps files; a database is the server's.
    if (importer !== "server" && target === "store") return [`${file}: only the server has a database`];
    return [];
  });
}

test("every workspace has its layer", () => {
  const missing = [...workspaces("packages"), ...workspaces("apps")].filter(
    (name) => name !== "testkit" && layerOf(name) < 0,
  );
  assert.deepEqual(missing, []);
});

test("an import points down, and the server never reaches what could read a message", () => {
  const imports = importsOf(sources, IMPORT);
  assert.ok(imports.length > 20, "the pattern finds imports");
  assert.deepEqual(violations(imports), []);
});

test("the rule bites", () => {
  const planted = (importer: string, target: string): number =>
    violations([{ file: "planted.ts", importer, target }]).length;
  assert.equal(planted("protocol", "crypto"), 1);
  assert.equal(planted("ledger", "access"), 1);
  assert.equal(planted("client", "server"), 1);
  assert.equal(planted("store", "testkit"), 1);
  for (const target of ["mls", "client", "crypto/hpke", "protocol/content", "access"])
    assert.equal(planted("server", target), 1, target);
  assert.equal(planted("server", "access/verify"), 0);
  assert.equal(planted("custodian", "store"), 1);
  assert.equal(planted("custodian", "store/directory"), 0);
});

test("only crypto imports noble, libsodium and hpke", () => {
  const foreign = importsOf(sources, THIRD_PARTY).filter(({ importer }) => importer !== "crypto");
  assert.deepEqual(foreign, []);
});

test("what the server reaches through its packages stays blind too", () => {
  // access/verify is what the server may use of access: nothing behind it may open content.
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const match of read(file).matchAll(/from "(\.{1,2}\/[^"]+)"/g)) {
      visit(new URL(match[1] as string, `file:///${file}`).pathname.slice(1));
    }
  };
  visit("packages/access/src/verify/index.ts");
  const reached = new Set(importsOf([...seen], IMPORT).map(({ target }) => target));
  for (const forbidden of ["crypto/hpke", "protocol/content", "mls"])
    assert.ok(!reached.has(forbidden), forbidden);
});
