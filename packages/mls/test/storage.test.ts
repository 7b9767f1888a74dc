import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "@portcullis/protocol";
import type { EpochStart, RatchetRow } from "@portcullis/mls";
import { assertDecoder } from "@portcullis/testkit";
import { decodePending, decodeSnapshot, encodePending, encodeSnapshot } from "../src/epoch.ts";
import { decodeRatchetRow, encodeRatchetRow } from "../src/secret-tree.ts";
import { coded } from "./forger.ts";
import { change, converse, joining, person, type Conversation } from "./people.ts";

const NOTHING = new Uint8Array();

/** What a device has on disk: snapshot and rows, each row overwritten. */
class Disk {
  readonly #rows = new Map<number, Uint8Array>();
  readonly snapshot: Uint8Array;

  constructor({ snapshot, ratchets }: EpochStart) {
    this.snapshot = snapshot;
    for (const ratchet of ratchets) this.write(ratchet);
  }

  write({ leafIndex, row }: RatchetRow): void {
    this.#rows.set(leafIndex, row);
  }

  get ratchets(): RatchetRow[] {
    return [...this.#rows].map(([leafIndex, row]) => ({ leafIndex, row }));
  }

  holds(secret: Uint8Array): boolean {
    return [this.snapshot, ...this.#rows.values()].some((bytes) => Buffer.from(bytes).includes(secret));
  }
}

/** Everybody but the sender opens the message, and stores what that changes. */
async function deliver(
  { epochs }: Conversation,
  disks: Disk[],
  sender: number,
  message: Uint8Array,
): Promise<void> {
  for (const [reader, disk] of disks.entries())
    if (reader !== sender) disk.write((await epochs[reader]!.group.unprotect(message)).ratchet);
}

test("MLS-30: no secret that was used is in what a device keeps, and none of the exporter", async () => {
  const people = [person(), person(), person()];
  let conversation: Conversation = await converse(people);
  const used: Uint8Array[] = [];
  for (const by of [0, 1, 2]) {
    const disks = conversation.epochs.map((start) => new Disk(start));
    for (const [sender, start] of conversation.epochs.entries()) {
      for (let i = 0; i < 3; i++) {
        const before = decodeRatchetRow(
          disks[sender]!.ratchets.find(({ leafIndex }) => leafIndex === sender)!.row,
        );
        const { message, ratchet } = await start.group.protect(utf8("hello"), NOTHING);
        disks[sender]!.write(ratchet);
        used.push(before.application.secret);
        // One message in three is lost to everybody.
        if (i !== 1) await deliver(conversation, disks, sender, message);
      }
    }
    for (const disk of disks) for (const secret of used) assert(!disk.holds(secret));
    const exported = await conversation.epochs[0]!.exporter.export("portcullis bucket", NOTHING, 32);
    assert(disks.every((disk) => !disk.holds(exported)));
    // What the epoch ran on, and the key of the leaf that its Commit replaces, must not reach the next one.
    const { senderDataSecret, initSecret, privateKeys } = decodeSnapshot(disks[by]!.snapshot);
    used.push(senderDataSecret, initSecret, privateKeys[2 * by]!);
    conversation = { people, epochs: (await change(conversation, { by })).epochs };
  }
});

test("MLS-30: neither the exporter secret nor the encryption secret is in the snapshot", async () => {
  const [alice, bob] = [person(), person()];
  const { epochs } = await converse([alice, bob]);
  const { pending } = await epochs[0]!.group.commit({
    add: [],
    remove: [],
    authenticatedData: NOTHING,
    joining,
  });
  const { exporterSecret, snapshot, ratchets } = decodePending(pending);
  assert(!Buffer.from(snapshot).includes(exporterSecret));
  for (const { row } of ratchets) {
    assert(!Buffer.from(row).includes(exporterSecret));
    const { handshake, application } = decodeRatchetRow(row);
    assert(!Buffer.from(snapshot).includes(handshake.secret));
    assert(!Buffer.from(snapshot).includes(application.secret));
  }
});

test("MLS-31: a restored group goes on where the stored one stood", async () => {
  const people = [person(), person()];
  const { epochs } = await converse(people);
  const disks = epochs.map((start) => new Disk(start));
  const first = await epochs[0]!.group.protect(utf8("one"), NOTHING);
  disks[0]!.write(first.ratchet);
  disks[1]!.write((await epochs[1]!.group.unprotect(first.message)).ratchet);
  const alice = await people[0]!.engine.restore(disks[0]!);
  const bob = await people[1]!.engine.restore(disks[1]!);
  await assert.rejects(bob.unprotect(first.message), coded("MLS_GENERATION_USED"));
  const second = await alice.protect(utf8("two"), NOTHING);
  assert.deepEqual((await bob.unprotect(second.message)).plaintext, utf8("two"));
  const { message, pending } = await alice.commit({
    add: [],
    remove: [],
    authenticatedData: NOTHING,
    joining,
  });
  const merged = await alice.merge(pending);
  const processed = await bob.process(message, () => undefined);
  assert(processed.kind === "epoch");
  assert.deepEqual(processed.group.confirmedTranscriptHash, merged.group.confirmedTranscriptHash);
});

test("MLS-31: snapshots, rows and pending Commits decode strictly", async () => {
  const { epochs } = await converse([person(), person()]);
  const { snapshot, ratchets, group } = epochs[0]!;
  const { pending } = await group.commit({ add: [], remove: [], authenticatedData: NOTHING, joining });
  assertDecoder(snapshot, decodeSnapshot, encodeSnapshot);
  assertDecoder(ratchets[0]!.row, decodeRatchetRow, encodeRatchetRow);
  assertDecoder(pending, decodePending, encodePending);
});

test("MLS-31: ratchet rows of any place round trip, and other bytes are refused", () => {
  const generation = fc.integer({ min: 0, max: 0xffff_ffff });
  const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(generation, secret, generation, secret, (handshake, one, application, two) => {
      const ratchets = {
        handshake: { generation: handshake, secret: one },
        application: { generation: application, secret: two },
      };
      assert.deepEqual(decodeRatchetRow(encodeRatchetRow(ratchets)), ratchets);
    }),
    { numRuns: 100 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      assert.throws(() => decodeRatchetRow(bytes), coded("MLS_SNAPSHOT"));
      assert.throws(() => decodeSnapshot(bytes), coded("MLS_SNAPSHOT"));
      assert.throws(() => decodePending(bytes), coded("MLS_SNAPSHOT"));
    }),
    { numRuns: 100 },
  );
});

test("MLS-31: a snapshot is restored only with the rows of all its members, and by its own device", async () => {
  const [alice, bob] = [person(), person()];
  const { epochs } = await converse([alice, bob]);
  const { snapshot, ratchets } = epochs[0]!;
  for (const rows of [
    ratchets.slice(1),
    [...ratchets, ratchets[0]!],
    [...ratchets, { ...ratchets[0]!, leafIndex: 9 }],
  ])
    await assert.rejects(alice.engine.restore({ snapshot, ratchets: rows }), coded("MLS_SNAPSHOT"));
  await assert.rejects(bob.engine.restore({ snapshot, ratchets }), coded("MLS_SNAPSHOT"));
});

test("MLS-32: the exporter is the only holder of its secret, and forgets it", async () => {
  const { epochs } = await converse([person(), person()]);
  const [{ exporter: alice }, { exporter: bob }] = epochs as [EpochStart, EpochStart];
  const context = utf8("conversation");
  assert.deepEqual(await alice.export("a", context, 32), await bob.export("a", context, 32));
  assert.notDeepEqual(await alice.export("a", context, 32), await alice.export("b", context, 32));
  assert.notDeepEqual(await alice.export("a", context, 32), await alice.export("a", NOTHING, 32));
  alice.wipe();
  await assert.rejects(alice.export("a", context, 32), coded("MLS_EXPORTER_WIPED"));
});

test("MLS-33: private keys of nodes that a Commit blanked are not kept", async () => {
  const people = [person(), person(), person(), person()];
  let conversation: Conversation = await converse(people);
  for (const by of [0, 1, 2, 3])
    conversation = { people, epochs: (await change(conversation, { by })).epochs };
  const known = decodeSnapshot(conversation.epochs[2]!.snapshot).privateKeys;
  assert.deepEqual(Object.keys(known), ["3", "4", "5"]);
  // Leaf 3 goes: node 5 above it and leaf 2 is blank, and leaf 2 alone needs none.
  const { epochs } = await change(conversation, { by: 0, remove: [3] });
  const { privateKeys, tree } = decodeSnapshot(epochs[2]!.snapshot);
  assert.equal(tree[5], undefined);
  assert.equal(privateKeys[5], undefined);
  assert.notDeepEqual(privateKeys[3], known[3]);
});

test("MLS-34: a group that was wiped does nothing more", async () => {
  const { epochs } = await converse([person(), person()]);
  const { group } = epochs[0]!;
  group.wipe();
  await assert.rejects(group.protect(NOTHING, NOTHING), coded("MLS_GROUP_WIPED"));
  await assert.rejects(
    group.commit({ add: [], remove: [], authenticatedData: NOTHING, joining }),
    coded("MLS_GROUP_WIPED"),
  );
});
