import { sha256, signingKeyFromSeed } from "@portcullis/crypto";
import { utf8 } from "@portcullis/protocol";
import {
  cosignNoteText,
  makeNoteSigner,
  signCheckpoint,
  type NoteSigner,
  type WitnessClient,
} from "@portcullis/ledger";
import { WitnessStore } from "@portcullis/ledger/node";
import { formatCheckpoint, type Checkpoint, type WitnessPolicy } from "@portcullis/ledger/verify";
import type { MemoryDisk } from "./memory-disk.ts";

export const NOW = Date.parse("2026-11-23T10:00:00Z");
export const ORIGIN = "ledger.example/access";

const keyOf = (name: string) => signingKeyFromSeed(sha256(utf8(`test key ${name}`)));

export const logSigner = makeNoteSigner({ name: ORIGIN, algorithm: "ed25519", signingKey: keyOf(ORIGIN) });

export function witnessSigner(name: string, keyName = name): NoteSigner {
  return makeNoteSigner({ name, algorithm: "cosignature/v1", signingKey: keyOf(keyName) });
}

export const witnesses = ["witness.example/w1", "witness.example/w2", "witness.example/w3"].map((name) =>
  witnessSigner(name),
);

export function policyOf(threshold: number, signers: readonly NoteSigner[] = witnesses): WitnessPolicy {
  return { log: logSigner.key, witnesses: signers.map((it) => it.key), threshold };
}

/** `count` entries, each different, short. */
export function makeEntries(count: number, from = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => utf8(`entry ${from + i}`));
}

export function signedBy(checkpoint: Checkpoint, cosigners: readonly NoteSigner[], nowMs = NOW): string {
  const text = formatCheckpoint(checkpoint);
  return (
    signCheckpoint(logSigner, checkpoint) + cosigners.map((it) => cosignNoteText(it, text, nowMs)).join("")
  );
}

/** A witness that is a store, without a network between. */
export async function localWitness(
  signer: NoteSigner,
  disk: MemoryDisk,
): Promise<WitnessClient & { up: boolean }> {
  const store = await WitnessStore.open({
    directory: "/witness",
    signer,
    logs: [logSigner.key],
    files: disk,
  });
  const witness = {
    key: signer.key,
    up: true,
    addCheckpoint: (request: string) =>
      witness.up ? store.addCheckpoint(request, NOW) : Promise.reject(new Error("unreachable")),
  };
  return witness;
}
