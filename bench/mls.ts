import { generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";
import { generateSigningKey } from "@portcullis/crypto";
import { asAccountId, asConversationId, asDeviceId } from "@portcullis/protocol";
import { createMlsEngine, type EpochStart, type MlsEngine } from "@portcullis/mls";
import { nodeProvider } from "@portcullis/mls/node";

const ROUNDS = 1000;
const PAYLOAD = new Uint8Array(100);
const NOTHING = new Uint8Array();
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** Application messages of 100 bytes per CPU second, against Ed25519 signing plus verifying in the same run. */
export async function benchMls(print: (line: string) => void): Promise<void> {
  const baseline = await perCpuSecond(ed25519());
  print(`Ed25519 sign + verify      ${baseline.toFixed(0)} per CPU second`);
  for (const members of [2, 100]) {
    const [sender, reader] = await conversation(members);
    const messages: Uint8Array[] = [];
    const encrypt = await perCpuSecond(async () => {
      messages.push((await sender.group.protect(PAYLOAD, NOTHING)).message);
    });
    const waiting = messages.values();
    const decrypt = await perCpuSecond(async () => {
      await reader.group.unprotect(waiting.next().value ?? NOTHING);
    });
    for (const [what, rate] of [
      ["encrypt", encrypt],
      ["decrypt", decrypt],
    ] as const)
      print(
        `MLS ${what} @${members}`.padEnd(26) +
          ` ${rate.toFixed(0)} per CPU second, ${(rate / baseline).toFixed(2)} of it`,
      );
  }
}

function ed25519(): () => Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return async () => {
    verify(null, PAYLOAD, publicKey, sign(null, PAYLOAD, privateKey));
  };
}

async function perCpuSecond(operation: () => Promise<void>): Promise<number> {
  const start = process.cpuUsage();
  for (let round = 0; round < ROUNDS; round++) await operation();
  const { user, system } = process.cpuUsage(start);
  return (ROUNDS * 1e6) / (user + system);
}

function device(): MlsEngine {
  return createMlsEngine({
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
}

/** The creator's view and one other member's, in epoch 1. */
async function conversation(members: number): Promise<[EpochStart, EpochStart]> {
  const creator = device();
  const others = Array.from({ length: members - 1 }, device);
  const keyPackages = await Promise.all(others.map((other) => other.createKeyPackage()));
  const { group } = await creator.createGroup({
    conversationId: asConversationId(random(32)),
    terms: { class: "sealed", frankingKey: random(32) },
  });
  const { pending, welcome } = await group.commit({
    add: keyPackages.map(({ keyPackage }) => keyPackage),
    remove: [],
    authenticatedData: NOTHING,
    joining: { startBucket: 0, rosterKey: random(32), state: NOTHING },
  });
  const [first] = others;
  const [own] = keyPackages;
  if (first === undefined || welcome === undefined) throw new RangeError("at least two members");
  return [await group.merge(pending), await first.join({ welcome, keyPackages: () => own })];
}
