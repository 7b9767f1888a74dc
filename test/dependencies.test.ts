import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { join } from "node:path";
import { filesBelow, read, repository } from "./house.ts";

interface Manifest {
  readonly name?: string;
  readonly license?: string;
  readonly version?: string;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

const manifests = [
  "package.json",
  ...["packages", "apps"].flatMap((folder) => filesBelow(folder, /^[^/]+\/package\.json$/)),
];
const direct = manifests.flatMap((file) => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(file)) as Manifest;
  return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
});
const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, Manifest> };

test("every dependency is pinned exactly and has its line in docs/dependencies.md", () => {
  const page = read("docs/dependencies.md");
  const foreign = direct.filter(([name]) => !name.startsWith("@portcullis/"));
  assert.ok(foreign.length > 10);
  assert.deepEqual(
    foreign.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
    [],
  );
  assert.deepEqual(
    foreign.filter(([name]) => !page.includes(name)).map(([name]) => name),
    [],
  );
});

test("nothing that is installed has an install script or a licence that we cannot take", () => {
  const installed = Object.entries(lock.packages).filter(
    ([path]) => path.startsWith("node_modules/") && !path.includes("@portcullis"),
  );
  assert.deepEqual(
    installed.filter(([, entry]) => entry.hasInstallScript === true).map(([path]) => path),
    [],
  );
  const licences = installed.flatMap(([path]) => {
    const file = `${path}/package.json`;
    return existsSync(join(repository, file))
      ? [[path, String((JSON.parse(read(file)) as Manifest).license)] as const]
      : [];
  });
  assert.ok(licences.length > 30);
  assert.deepEqual(
    licences.filter(
      ([, licence]) =>
        !/^(?:MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|CC0-1\.0|Unlicense)/.test(licence),
    ),
    [],
  );
});
