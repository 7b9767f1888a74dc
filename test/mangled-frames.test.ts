import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Platform, PortcullisClient } from "@portcullis/client";
import { nodePlatform } from "@portcullis/client/node";
import { concatBytes, toBase64Url, type ConversationId } from "@portcullis/protocol";
import { FixedClock, seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const ROUNDS = 30;
const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
const random = seededRandom("mangled frames");
const below = (limit: number): number => {
  const bytes = random(4);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) % limit;
};

/** What becomes of a frame on its way. `before`: one that came earlier, whatever it was. */
const manglings: Record<string, (frame: Uint8Array, before: Uint8Array) => readonly Uint8Array[]> = {
  truncated: (frame) => [frame.subarray(0, below(frame.length))],
  repeated: (frame) => [frame, frame, frame],
  "followed by an older one": (frame, before) => [frame, before],
  "preceded by an older one": (frame, before) => [before, frame],
  "mixed with an older one": (frame, before) => [
    concatBytes(frame.subarray(0, below(frame.length)), before.subarray(below(before.length))),
  ],
  "with a trailing byte": (frame) => [concatBytes(frame, Uint8Array.of(0))],
  noise: (frame) => [random(1 + below(frame.length))],
};

let mangle: ((frame: Uint8Array, before: Uint8Array) => readonly Uint8Array[]) | undefined;
let mangled = 0;
let earlier = new Uint8Array(1);
const platform: Platform = {
  ...nodePlatform,
  transport: (url, events) =>
    nodePlatform.transport(url, {
      ...events,
      onFrame: (bytes) => {
        const frame = bytes.slice();
        // Every third one, so that a connection gets somewhere.
        const arrivals = mangle && below(3) === 0 ? mangle(frame, earlier) : [frame];
        if (arrivals[0] !== frame || arrivals.length > 1) mangled++;
        if (below(2) === 0) earlier = frame;
        for (const arrival of arrivals) events.onFrame(arrival);
      },
    }),
};

let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;
const told = new Map<string, number[]>();
const printed: string[] = [];

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
  bob = await room.join("bob", { platform });
  bob.on("rejected", ({ conversationId, sequence }) => {
    const key = toBase64Url(conversationId);
    told.set(key, [...(told.get(key) ?? []), sequence]);
  });
  for (const method of ["log", "info", "warn", "error", "debug"] as const) {
    const print = console[method];
    console[method] = (...values: unknown[]) => {
      printed.push(values.map(String).join(" "));
      print(...values);
    };
  }
});
after(async () => room.close());

async function everything(client: PortcullisClient, id: ConversationId) {
  const messages = await client.messages.history(id, { limit: 1000 });
  return messages.map(({ sequence, text, reactions, editedAtMs, pinned }) => {
    const emojis = reactions.map(({ emoji }) => emoji);
    return { sequence, text, emojis, editedAtMs, isPinned: pinned !== undefined };
  });
}

for (const [name, how] of Object.entries(manglings))
  test(`frames that come ${name} change nothing: what was said is there once and in order, or the client says what is not, and no log holds a word`, async () => {
    const id = await ann.createConversation({ class: "recorded", members: [bob.accountId] });
    await bob.waitForConversation(id);
    const before = mangled;
    mangle = how;
    const { messages } = ann;
    const sends: Promise<void>[] = [];
    let last = 0;
    const said = ({ sequence }: { readonly sequence: number }): number => {
      last = Math.max(last, sequence);
      return sequence;
    };
    for (let i = 0; i < ROUNDS; i++) {
      if (i % 5 === 0)
        sends.push(
          bob.messages.send(id, { text: `secret word of Bob ${i}` }).then(
            (accepted) => void said(accepted),
            () => undefined,
          ),
        );
      const sequence = said(await messages.send(id, { text: `secret word of Ann ${i}` }));
      if (i % 3 === 0) said(await messages.react(id, sequence, "👍"));
      if (i % 4 === 0) said(await messages.edit(id, sequence, { text: `another secret word ${i}` }));
      if (i % 7 === 0) said(await messages.delete(id, sequence));
    }
    assert.ok(mangled > before, "something was mangled");
    mangle = undefined;
    await Promise.all(sends);
    await Promise.all([ann, bob].map((client) => client.caughtUp(id, last)));
    await bob.idle();
    assert.equal(bob.state(id).condition, "open");
    const missing = new Set(told.get(toBase64Url(id)));
    if (missing.size === 0) assert.deepEqual(await everything(bob, id), await everything(ann, id));
    for (const { sequence } of await everything(ann, id)) {
      const isThere = (await bob.messages.get(id, sequence).catch(() => undefined)) !== undefined;
      assert.ok(isThere || missing.has(sequence), `message ${sequence} is missing and nobody was told`);
    }
    assert.ok(!printed.some((line) => line.includes("secret word")));
  });
