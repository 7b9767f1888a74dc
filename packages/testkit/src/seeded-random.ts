import { createHash } from "node:crypto";
import type { Random } from "@portcullis/protocol";

/** The same bytes for the same seed: SHA-256 in counter mode. For tests only. */
export function seededRandom(seed: string | number): Random {
  let counter = 0;
  return (length) => {
    const out = new Uint8Array(length);
    for (let offset = 0; offset < length; offset += 32) {
      const block = createHash("sha256").update(`${seed}/${counter++}`).digest();
      out.set(block.subarray(0, Math.min(32, length - offset)), offset);
    }
    return out;
  };
}
