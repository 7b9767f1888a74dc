import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { toBase64Url } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { meddle } from "./meddling.ts";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;
const meddler = meddle();
const payloads: Uint8Array[] = [];

before(async () => {
  room = await openProviderRoom(directory, clock);
  [ann, bob] = [await room.join("ann"), await room.join("bob", { platform: meddler.platform })];
  meddler.frame = (frame) => {
    if (frame.type === "signal") payloads.push(frame.payload);
    return frame;
  };
});
after(async () => room.close());

for (const conversationClass of ["sealed", "recorded"] as const)
  test(`TML-13: in a ${conversationClass} conversation the other sees who writes, until it is said, over restarts and epochs`, async () => {
    const id = await ann.createConversation({ class: conversationClass, members: [bob.accountId] });
    await bob.waitForConversation(id);
    await ann.idle();
    for (const round of ["first", "after a restart", "in another epoch"]) {
      if (round === "after a restart") {
        await ann.close();
        ann = await room.reopen("ann");
        await ann.connect();
      }
      if (round === "in another epoch") {
        const eve = await room.join(`eve-${conversationClass}`);
        await ann.addMembers(id, [eve.accountId]);
        // What is said in passing while an epoch ends is lost.
        await ann.idle();
        await bob.caughtUp(id, ann.state(id).sequence);
      }
      clock.advance(10_000);
      const begun = nextEvent(bob, "typing");
      ann.messages.setTyping(id);
      assert.deepEqual(await begun, { conversationId: id, accountId: ann.accountId, isTyping: true });
      assert.deepEqual(bob.messages.typing(id).map(toBase64Url), [toBase64Url(ann.accountId)]);
      const over = nextEvent(bob, "typing");
      await ann.messages.send(id, { text: round });
      assert.equal((await over).isTyping, false);
      await ann.idle();
    }
    await ann.settings.set("typing", "off");
    clock.advance(10_000);
    const { length } = payloads;
    ann.messages.setTyping(id);
    const { sequence } = await ann.messages.send(id, { text: "said without warning" });
    await bob.caughtUp(id, sequence);
    assert.equal(payloads.length, length);
    await ann.settings.set("typing", undefined);
  });

test("TML-13: what was said in passing is in no file of anybody", async () => {
  assert.equal(payloads.length, 6);
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  assert.ok(files.length > 4);
  for (const { parentPath, name } of files)
    for (const payload of payloads)
      assert.ok(!readFileSync(join(parentPath, name)).includes(payload.subarray(0, 24)), name);
});
