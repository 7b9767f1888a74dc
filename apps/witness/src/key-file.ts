import { existsSync, readFileSync } from "node:fs";
import { generateSigningKey, signingKeyFromSeed, type SigningKey } from "@portcullis/crypto";
import type { Random } from "@portcullis/protocol";
import { writeFileDurably } from "@portcullis/store/directory";
import { WitnessError } from "./errors.ts";

/** The key in the file, 32 bytes that only the owner can read; made on first start. @throws WitnessError WITNESS_KEY_FILE */
export function openKeyFile(path: string, random: Random): SigningKey {
  if (!existsSync(path)) writeFileDurably(path, generateSigningKey(random).seed, 0o600);
  const seed = readFileSync(path);
  if (seed.length !== 32) throw new WitnessError("WITNESS_KEY_FILE", { path, length: seed.length });
  return signingKeyFromSeed(seed);
}
