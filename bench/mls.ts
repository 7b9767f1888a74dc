import { generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";
import { generateSigningKey } from "@portcullis/crypto";
import { asAccountId, asConversationId, asDeviceId } from "@portcullis/protocol";
import { createMlsEngine, type EpochStart, type MlsEngine } from "@portcullis/mls";
import { nodeProvider } from "@portcullis/mls/node";
import { ratesPerCpuSecond, type Operation } from "./rate.ts";

const PAYLOAD = new Uint8Array(100);
const NOTHING = new Uint8Array();
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** Application messages of 100 bytes per CPU second, against Ed25519 signing plus verifying in the same run. */
export async function benchMls(print: (line: string) => void): Promise<void> {
  for (const members of [2, 100]) {
    const [sender, reader] = await openConversation(members);
    const messages: Uint8Array[] = [];
    const protect = async () => (await sender.group.protect(PAYLOAD, NOTHING)).message;
    const { ed25519, encrypt, both } = await ratesPerCpuSecond({
      ed25519: signAndVerify(),
      // What is encrypted and never delivered would be a gap: it is kept for the reader, who takes it in turn.
      encrypt: async () => messages.push(await protect()),
      both: async () => {
        messages.push(await protect());
        await reader.group.unprotect(messages.shift() ?? NOTHING);
      },
    });
    const decrypt = 1 / (1 / both - 1 / encrypt);
    print(`Ed25519 sign + verify      ${ed25519.toFixed(0)} per CPU second`);
    for (const [what, rate] of Object.entries({ encrypt, decrypt }))
      print(
        `MLS ${what} @${members}`.padEnd(26) +
          ` ${rate.toFixed(0)} per CPU second, ${(rate / ed25519).toFixed(2)} of it`,
      );
  }
}

function signAndVerify(): Operation {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return () => verify(null, PAYLOAD, publicKey, sign(null, PAYLOAD, privateKey));
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
export async function openConversation(members: number): Promise<[EpochStart, EpochStart]> {
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
