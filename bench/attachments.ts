import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { nodePlatform } from "@portcullis/client/node";
import { openContent, sealContent } from "../packages/client/src/attachments/content-coding.ts";
import { ratesPerCpuSecond } from "./rate.ts";

const BYTES = 4 * 1024 * 1024;
const PIECE = 64 * 1024;
const OPENSSL_BLOCK = 64 * 1024;
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** Attachments read in pieces of 64 KiB against openssl's AES-128-GCM in blocks of that length, in the same run. */
export async function benchAttachments(print: (line: string) => void): Promise<void> {
  const secret = { key: random(16), salt: random(16) };
  const piece = random(PIECE);
  const aead = nodePlatform.records;
  const sealed = (): AsyncIterable<Uint8Array> =>
    sealContent(aead, secret, { content: repeated(piece), size: BYTES });
  const body: Uint8Array[] = [];
  for await (const piece of sealed()) body.push(piece);
  const operations = {
    seal: () => drain(sealed()),
    "seal and hash": async () => {
      const hash = nodePlatform.sha256();
      for await (const piece of sealed()) hash.update(piece);
      hash.digest();
    },
    open: () => drain(openContent(aead, secret.key, listed(body))),
  };
  const before = openssl();
  const rates = await ratesPerCpuSecond(operations);
  const after = openssl();
  const peer = before === undefined || after === undefined ? undefined : Math.max(before, after);
  print(
    peer === undefined
      ? "attachments (no openssl here: rates without a comparison)"
      : `attachments, against openssl aes-128-gcm at ${mega(peer)} MB per CPU second`,
  );
  for (const [name, rate] of Object.entries(rates)) {
    const ratio = peer === undefined ? "" : `, ${((rate * BYTES) / peer).toFixed(2)} of openssl's`;
    print(`  ${name.padEnd(14)} ${mega(rate * BYTES).padStart(6)} MB per CPU second${ratio}`);
  }
}

const mega = (bytes: number): string => String(Math.round(bytes / 1e6));

/** Out of the cache, as openssl's input comes: what is measured is sealing, not memory. */
async function* repeated(piece: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < BYTES; at += piece.length) yield piece;
}

async function* listed(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

async function drain(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of pieces) if (piece.length === 0) return;
}

/** Bytes per CPU second, as `openssl speed` says; undefined without openssl. */
function openssl(): number | undefined {
  try {
    const options = ["speed", "-mr", "-seconds", "1", "-bytes", String(OPENSSL_BLOCK), "-evp", "aes-128-gcm"];
    const output = execFileSync("openssl", options, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const rate = Number(/^\+F:\d+:[^:]*:([\d.]+)$/m.exec(output)?.[1]);
    return Number.isFinite(rate) ? rate : undefined;
  } catch {
    return undefined;
  }
}
