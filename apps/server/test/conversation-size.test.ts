import assert from "node:assert/strict";
import { test } from "node:test";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  decodeCommitData,
  decodeMlsOuter,
  type DeviceReference,
} from "@portcullis/protocol";
import type { Store } from "@portcullis/store";
import { membersAfter } from "../src/delivery/commit-members.ts";
import type { ConversationState } from "../src/delivery/conversation-state.ts";
import { deviceKey } from "../src/delivery/keys.ts";
import { commitFrame } from "./hand-made.ts";
import { random } from "./server-room.ts";

const newDevice = (): DeviceReference => ({
  accountId: asAccountId(random(32)),
  deviceId: asDeviceId(random(16)),
});
/** Everybody is listed. */
const store = { accounts: { device: async () => ({}) } } as unknown as Store;

async function sizeAfter(before: number, adding: number): Promise<number> {
  const devices = Array.from({ length: before }, newDevice);
  const added = Array.from({ length: adding }, newDevice);
  const accounts = [...devices, ...added].map(({ accountId }) => accountId);
  const frame = { ...commitFrame(asConversationId(random(32)), 1, { added, accounts }), requestId: 1 };
  const members = new Map(devices.map((device) => [deviceKey(device), device]));
  const data = decodeCommitData(decodeMlsOuter(frame.message).authenticatedData);
  return (await membersAfter({ members } as unknown as ConversationState, data, frame, store)).size;
}

test("DEL-44: a conversation has 500 devices and not one more", async () => {
  assert.equal(await sizeAfter(436, 64), 500);
  await assert.rejects(sizeAfter(500, 1), { code: "CONVERSATION_FULL" });
  await assert.rejects(sizeAfter(437, 64), { code: "CONVERSATION_FULL" });
});
