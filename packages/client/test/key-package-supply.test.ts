import assert from "node:assert/strict";
import { test } from "node:test";
import { createMlsEngine } from "@portcullis/mls";
import { nodeProvider } from "@portcullis/mls/node";
import { generateSigningKey } from "@portcullis/crypto";
import { asAccountId, asDeviceId, encodeCbor } from "@portcullis/protocol";
import { assertDecoder, seededRandom } from "@portcullis/testkit";
import {
  decodeHeldKeyPackage,
  encodeHeldKeyPackage,
  KeyPackageSupply,
  type HeldKeyPackage,
  type Supply,
} from "../src/account/key-package-supply.ts";
import type { StoreChange } from "../src/store.ts";

const DAY_MS = 24 * 3600 * 1000;
const random = seededRandom("KeyPackages");
const engine = createMlsEngine({
  provider: nodeProvider,
  clock: { now: () => Date.now() },
  random,
  device: {
    signingKey: generateSigningKey(random),
    accountId: asAccountId(random(32)),
    deviceId: asDeviceId(random(16)),
  },
  validateMember: async () => undefined,
});

/** What lies in a device's store. */
class Disk {
  readonly secrets = new Map<string, Uint8Array>();

  write(changes: readonly StoreChange[]): void {
    for (const change of changes) {
      if ("put" in change && change.put === "secret") this.secrets.set(change.name, change.value);
      if ("erase" in change && change.erase === "secret") this.secrets.delete(change.name);
    }
  }

  get held(): HeldKeyPackage[] {
    return [...this.secrets.values()].map(decodeHeldKeyPackage);
  }

  reload(): KeyPackageSupply {
    return new KeyPackageSupply(this.secrets);
  }
}

async function publish(supply: KeyPackageSupply, disk: Disk, nowMs: number): Promise<Supply | undefined> {
  const fresh = await supply.fill(engine, 2, nowMs);
  if (fresh === undefined) return undefined;
  disk.write(fresh.before);
  disk.write(fresh.after());
  return fresh;
}

/** As a Welcome names it. */
const referenceOf = (disk: Disk, wanted: (held: HeldKeyPackage) => boolean): Uint8Array => {
  const [name] = [...disk.secrets].find(([, value]) => wanted(decodeHeldKeyPackage(value))) ?? [""];
  return new Uint8Array(Buffer.from(name.slice("key-package/".length), "base64url"));
};

test("a held KeyPackage is decoded from its one encoding", () => {
  const secrets = { keyPackage: random(50), secrets: random(70) };
  const held: HeldKeyPackage = {
    ...secrets,
    standing: "published",
    lastResort: true,
    sinceMs: 1_700_000_000_000,
  };
  assertDecoder(encodeHeldKeyPackage(held), decodeHeldKeyPackage, encodeHeldKeyPackage);
});

test("CLT-50: a supply is filled up when half of it is used, and what was used is erased", async () => {
  const [disk, supply] = [new Disk(), new KeyPackageSupply(new Map())];
  const first = await publish(supply, disk, 0);
  assert.equal(first?.keyPackages.length, 2);
  assert.ok(first?.lastResort);
  const once = referenceOf(disk, ({ lastResort }) => !lastResort);
  assert.ok(supply.find(once));
  disk.write([supply.spend(once)]);
  assert.equal(await publish(supply, disk, 1), undefined, "one is enough");
  assert.equal(supply.find(once), undefined);
  assert.equal(disk.reload().find(once), undefined);
  disk.write([supply.spend(referenceOf(disk, ({ lastResort }) => !lastResort))]);
  const second = await publish(supply, disk, 2);
  assert.equal(second?.keyPackages.length, 2);
  assert.equal(second?.lastResort, undefined, "which lies there still");
});

test("CLT-51, CLT-52: a last resort that was used is replaced with the whole supply, and erased a week later", async () => {
  const [disk, supply] = [new Disk(), new KeyPackageSupply(new Map())];
  await publish(supply, disk, 0);
  const last = referenceOf(disk, ({ lastResort }) => lastResort);
  disk.write([supply.spend(last)]);
  assert.ok(disk.reload().find(last), "another conversation may be joined with it");
  const next = await publish(disk.reload(), disk, 5);
  assert.equal(next?.keyPackages.length, 2);
  assert.notDeepEqual(next?.lastResort, supply.find(last)?.keyPackage);
  const later = disk.reload();
  assert.ok(later.find(last));
  disk.write([later.spend(last)]);
  assert.equal(
    await publish(later, disk, 6),
    undefined,
    "the one that was replaced says nothing of the new one",
  );
  disk.write(later.forgetRetired(5 + 7 * DAY_MS));
  assert.equal(disk.held.length, 6);
  disk.write(later.forgetRetired(6 + 7 * DAY_MS));
  assert.equal(disk.held.length, 3);
  assert.equal(disk.reload().find(last), undefined);
});

test("CLT-51: a supply is replaced when it is 30 days old", async () => {
  const [disk, supply] = [new Disk(), new KeyPackageSupply(new Map())];
  await publish(supply, disk, 0);
  assert.equal(await publish(disk.reload(), disk, 30 * DAY_MS), undefined);
  assert.ok((await publish(disk.reload(), disk, 30 * DAY_MS + 1))?.lastResort);
});

test("CLT-51: KeyPackages from before there was a last resort are read, replaced, and joined with for a week", async () => {
  const disk = new Disk();
  const { keyPackage, reference, secrets } = await engine.createKeyPackage();
  const name = `key-package/${Buffer.from(reference).toString("base64url")}`;
  disk.secrets.set(name, encodeCbor([keyPackage, secrets, true]));
  const supply = disk.reload();
  assert.deepEqual(supply.find(reference)?.keyPackage, keyPackage);
  assert.ok((await publish(supply, disk, 5))?.lastResort);
  assert.ok(disk.reload().find(reference));
  disk.write(supply.forgetRetired(6 + 7 * DAY_MS));
  assert.equal(disk.reload().find(reference), undefined);
});

for (const cut of ["before", "after"] as const)
  test(`CLT-50: a publication cut off ${cut} the server had it is made again, and what was sent still joins`, async () => {
    const [disk, supply] = [new Disk(), new KeyPackageSupply(new Map())];
    const lost = await supply.fill(engine, 2, 0);
    if (cut === "after") disk.write(lost?.before ?? []);
    const again = await publish(disk.reload(), disk, 1);
    assert.ok(again?.lastResort);
    const { held } = disk;
    const usable = held.some((one) => Buffer.from(lost?.lastResort ?? []).equals(one.keyPackage));
    assert.equal(usable, cut === "after");
    assert.equal(held.filter(({ standing }) => standing === "published").length, 3);
  });

test("CLT-51: a last resort that is joined with while it is being published is replaced", async () => {
  const [disk, supply] = [new Disk(), new KeyPackageSupply(new Map())];
  const first = await supply.fill(engine, 2, 0);
  disk.write(first?.before ?? []);
  disk.write([supply.spend(referenceOf(disk, ({ lastResort }) => lastResort))]);
  disk.write(first?.after() ?? []);
  assert.ok((await publish(disk.reload(), disk, 1))?.lastResort);
});
