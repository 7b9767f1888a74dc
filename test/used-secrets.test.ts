import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { decodeChain } from "@portcullis/access";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import type { CryptoProvider } from "@portcullis/mls";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;

before(async () => {
  room = await openProviderRoom(directory, clock);
});
after(async () => room.close());

/** Every secret that one client's MLS derived from or encrypted with, in the order of use. */
function watchedPlatform(): { platform: typeof nodePlatform; used: Uint8Array[] } {
  const used: Uint8Array[] = [];
  const note = (secret: Uint8Array): void => {
    used.push(secret.slice());
  };
  const { primitives } = nodePlatform.cryptoProvider;
  const watched: CryptoProvider = {
    ...nodePlatform.cryptoProvider,
    primitives: {
      ...primitives,
      expand: (key, info, length) => {
        note(key);
        return primitives.expand(key, info, length);
      },
      seal: (key, ...rest) => {
        note(key);
        return primitives.seal(key, ...rest);
      },
      open: (key, ...rest) => {
        note(key);
        return primitives.open(key, ...rest);
      },
    },
    cipherSuite: (random) => {
      const suite = nodePlatform.cryptoProvider.cipherSuite(random);
      const { kdf } = suite;
      return {
        ...suite,
        kdf: {
          ...kdf,
          expand: (key, info, length) => {
            note(new Uint8Array(key));
            return kdf.expand(key, info, length);
          },
        },
      };
    },
  };
  return { platform: { ...nodePlatform, cryptoProvider: watched }, used };
}

function filesOf(handle: string): Buffer[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith(`${handle}.sqlite`))
    .map((name) => readFileSync(join(directory, name)));
}

/** As a thief of the running device would read them. */
async function storedSecrets(handle: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const store = new SqliteStore(room.storePath(handle));
  const { secrets } = await store.load();
  await store.close();
  return secrets;
}

const found = (files: readonly Buffer[], secrets: readonly Uint8Array[]): Uint8Array[] =>
  secrets.filter((secret) => files.some((file) => file.includes(secret)));

for (const conversationClass of ["sealed", "recorded"] as const)
  test(`CLT-31, CLT-32, CLT-33: no secret that was used is in any file of a client: ${conversationClass}`, async () => {
    const watched = watchedPlatform();
    const name = (handle: string): string => `${handle} ${conversationClass}`;
    const ann = await room.join(name("ann"), { platform: watched.platform });
    const bob = await room.join(name("bob"));
    const cem = await room.join(name("cem"));
    const id = await bob.createConversation({
      class: conversationClass,
      members: [ann.accountId, cem.accountId],
    });
    await Promise.all([ann, cem].map((client) => client.waitForConversation(id)));
    await bob.setRole(id, cem.accountId, "owner");
    const everybody: PortcullisClient[] = [ann, bob, cem];
    const chains = [...(await storedSecrets(name("ann")))]
      .filter(([at]) => at.includes("/chain/"))
      .map(([, value]) => decodeChain(value).secret);
    assert.equal(chains.length, conversationClass === "recorded" ? 3 : 0);
    assert.equal(found(filesOf(name("ann")), chains).length, chains.length);
    let last = 0;
    for (let bucket = 0; bucket < 3; bucket++) {
      for (const client of everybody)
        for (let i = 0; i < 3; i++)
          last = (await client.messages.send(id, { text: `${client.handle} ${bucket} ${i}` })).sequence;
      clock.advance(900_000);
    }
    await ann.caughtUp(id, last);
    await ann.settled();
    const inEpoch = found(filesOf(name("ann")), distinct(watched.used));
    assert.equal(inEpoch.length, 1, "the sender data secret serves the whole epoch, no other");
    assert.deepEqual(found(filesOf(name("ann")), chains), [], "bucket chains went on");
    const rosterKey = [...(await storedSecrets(name("ann")))].filter(([at]) => at.endsWith("/roster-key"));
    assert.equal(rosterKey.length, 1);
    // Every key until here belongs to an epoch that ends now.
    const ofTheFirstEpoch = watched.used.length;
    await cem.removeMembers(id, [bob.accountId]);
    await ann.messages.send(id, { text: "in the second epoch" });
    await ann.settled();
    const secrets = [...distinct(watched.used.slice(0, ofTheFirstEpoch)), ...rosterKey.map(([, key]) => key)];
    assert.ok(secrets.length > 50);
    assert.deepEqual(found(filesOf(name("ann")), secrets), []);
    assert.equal(ann.counters().rejected, 0);
  });

/** Longer than 15 bytes: what is shorter could stand anywhere by chance. */
function distinct(secrets: readonly Uint8Array[]): Uint8Array[] {
  const byHex = new Map(
    secrets
      .filter(({ length }) => length > 15)
      .map((secret) => [Buffer.from(secret).toString("hex"), secret]),
  );
  return [...byHex.values()];
}
