import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  combineShares,
  createShare,
  DkgParticipant,
  encapsulate,
  sha256,
  verifyCapsule,
  verifyShare,
  type KeysetPublic,
  type SecretShare,
} from "@portcullis/crypto";
import { utf8 } from "@portcullis/protocol";
import { ratesPerCpuSecond } from "./rate.ts";

const OPENSSL_RUNS = 3;
const random = (length: number) => new Uint8Array(randomBytes(length));

/** The threshold KEM against OpenSSL's X25519 on the same machine in the same minute, scalar multiplication by scalar multiplication. */
export async function benchCrypto(print: (line: string) => void): Promise<void> {
  const x25519 = opensslX25519();
  print(
    x25519 === undefined
      ? "threshold KEM, 3 of 5 (no openssl here: rates without a comparison)"
      : `threshold KEM, 3 of 5, against openssl X25519 at ${Math.round(x25519)} per CPU second`,
  );
  const all = operations();
  const rates = await ratesPerCpuSecond(Object.fromEntries(all.map(({ name, run }) => [name, inTurn(run)])));
  for (const { name, multiplications } of all) {
    const rate = rates[name] ?? 0;
    const ratio =
      x25519 === undefined ? "" : `, ${((rate * multiplications) / x25519).toFixed(2)} of X25519's rate`;
    print(
      `  ${name.padEnd(12)} ${String(Math.round(rate)).padStart(6)} per CPU second; ` +
        `${multiplications} scalar multiplications each${ratio}`,
    );
  }
}

/** Calls with 0, 1, 2 and so on. */
function inTurn(run: (i: number) => unknown): () => unknown {
  let next = 0;
  return () => run(next++);
}

interface Operation {
  readonly name: string;
  readonly multiplications: number;
  readonly run: (i: number) => unknown;
}

function operations(): Operation[] {
  const { keyset, shares: secrets } = makeKeyset(3, 5);
  const label = random(260);
  const binding = random(32);
  const seeds = Array.from({ length: 64 }, () => random(32));
  const encapsulated = seeds.map((seed) => encapsulate({ seed, label, quorums: [keyset] }).capsules[0]!);
  const at = (capsule: Uint8Array) => ({ label, quorumIndex: 0, quorum: keyset, capsule });
  const verified = encapsulated.map((capsule) => verifyCapsule(at(capsule)));
  const capsule = verified[0]!;
  const shares = secrets.map((share) => createShare({ capsule, share, binding, random }));
  return [
    {
      name: "encapsulate",
      multiplications: 5,
      run: (i) => encapsulate({ seed: seeds[i % 64]!, label, quorums: [keyset] }),
    },
    { name: "verify", multiplications: 4, run: (i) => verifyCapsule(at(encapsulated[i % 64]!)) },
    {
      name: "share",
      multiplications: 3,
      run: (i) => createShare({ capsule: verified[i % 64]!, share: secrets[0]!, binding, random }),
    },
    {
      name: "verify share",
      multiplications: 4,
      run: (i) => verifyShare({ capsule, keyset, share: shares[i % 5]!, binding }),
    },
    { name: "combine", multiplications: 3, run: () => combineShares({ capsule, threshold: 3, shares }) },
  ];
}

function makeKeyset(threshold: number, size: number): { keyset: KeysetPublic; shares: SecretShare[] } {
  const participants = Array.from({ length: size }, (_, i) => utf8(`custodian ${i + 1}`));
  const context = random(32);
  const all = participants.map(
    (_, i) => new DkgParticipant({ context, index: i + 1, threshold, participants, random }),
  );
  return finishAll(all, threshold);
}

function finishAll(
  all: DkgParticipant[],
  threshold: number,
): { keyset: KeysetPublic; shares: SecretShare[] } {
  const commitments = all.map((one) => one.commitment());
  const round1s = all.map((one) => one.round1(commitments));
  const round2s = all.map((one) => one.round2(round1s));
  const results = all.map((one, to) => one.finish(round2s.map((messages) => messages[to]!)));
  const { groupKey, verificationShares } = results[0]!;
  return {
    keyset: { keysetId: sha256(groupKey), groupKey, verificationShares, threshold },
    shares: results.map(({ share }) => share),
  };
}

/** Operations per CPU second, the best of a few runs; undefined where there is no openssl. */
function opensslX25519(): number | undefined {
  const runs = Array.from({ length: OPENSSL_RUNS }, opensslRun).filter((rate) => rate !== undefined);
  return runs.length === 0 ? undefined : Math.max(...runs);
}

function opensslRun(): number | undefined {
  try {
    const out = execFileSync("openssl", ["speed", "-seconds", "1", "ecdhx25519"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const rate = /X25519\)\s+\S+s\s+([\d.]+)/.exec(out)?.[1];
    return rate === undefined ? undefined : Number(rate);
  } catch {
    return undefined;
  }
}
