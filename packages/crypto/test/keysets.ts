import { concatBytes, utf8, type Random } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { DkgParticipant, sha256, type DkgResult, type KeysetPublic, type SecretShare } from "../src/index.ts";

export interface TestKeyset {
  readonly public: KeysetPublic;
  /** At index - 1. */
  readonly shares: readonly SecretShare[];
}

/** A generation among honest participants. */
export function generate(name: string, threshold: number, size: number): DkgResult[] {
  const participants = Array.from({ length: size }, (_, i) => utf8(`${name} ${i + 1}`));
  const all = participants.map(
    (_, i) =>
      new DkgParticipant({
        context: utf8(name),
        index: i + 1,
        threshold,
        participants,
        random: seededRandom(`${name} ${i + 1}`),
      }),
  );
  const commitments = all.map((participant) => participant.commitment());
  const round1s = all.map((participant) => participant.round1(commitments));
  const round2s = all.map((participant) => participant.round2(round1s));
  return all.map((participant, to) => participant.finish(round2s.map((messages) => messages[to]!)));
}

/** A keyset made by the real key generation. */
export function testKeyset(name: string, threshold: number, size: number): TestKeyset {
  const results = generate(name, threshold, size);
  const { groupKey, verificationShares } = results[0]!;
  return {
    public: {
      keysetId: sha256(concatBytes(utf8(name), groupKey)),
      groupKey,
      verificationShares,
      threshold,
    },
    shares: results.map(({ share }) => share),
  };
}

/** Always the same bytes: a broken generator. */
export const stuckRandom: Random = (length) => new Uint8Array(length);
