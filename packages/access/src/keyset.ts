import type { KeysetPublic, SigningKey } from "@portcullis/crypto";
import {
  asKeysetId,
  fromBase64Url,
  toBase64Url,
  type BucketStart,
  type KeysetId,
} from "@portcullis/protocol";
import { Type, type Static } from "typebox";
import {
  Bytes32,
  decodeDocument,
  Handle,
  signDocument,
  strictObject,
  UtcTime,
  verifyDocument,
  type DocumentType,
} from "./documents.ts";
import { AccessError } from "./errors.ts";
import { findQuorum, type Quorum, type VerifiedPolicy } from "./policy.ts";
import { parseUtcTime } from "./utc-time.ts";

const KeysetSchema = strictObject({
  version: Type.Literal(1),
  policyId: Bytes32,
  quorum: Handle,
  from: UtcTime,
  to: UtcTime,
  threshold: Type.Integer({ minimum: 1, maximum: 32 }),
  custodians: Type.Array(Handle, { minItems: 1, maxItems: 32 }),
  groupKey: Bytes32,
  verificationShares: Type.Array(Bytes32, { minItems: 1, maxItems: 32 }),
  transcriptHash: Bytes32,
});

/** The public half of what the custodians of one quorum hold for one period. `from` inclusive, `to` exclusive. */
export type Keyset = Static<typeof KeysetSchema>;

export const keysetDocument: DocumentType<Keyset> = {
  typ: "portcullis-keyset+jws",
  schema: KeysetSchema,
};

declare const verified: unique symbol;

/** A keyset that all custodians of its quorum signed and that fits the policy. `fromSeconds`, `toSeconds`: whole seconds since 1970. */
export interface VerifiedKeyset {
  readonly [verified]: true;
  readonly id: KeysetId;
  readonly keyset: Keyset;
  readonly quorumIndex: number;
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly public: KeysetPublic;
  readonly jws: string;
}

/** One custodian's signature on a keyset; the parts are joined by mergeSignatures. */
export async function signKeyset(keyset: Keyset, signers: readonly SigningKey[]): Promise<string> {
  return signDocument(keysetDocument, keyset, signers);
}

/** The keyset in a JWS; rules ACC-20 to ACC-23. @throws AccessError DOCUMENT_…, KEYSET_… */
export async function verifyKeyset(jws: string, policy: VerifiedPolicy): Promise<VerifiedKeyset> {
  const unverified = decodeDocument(keysetDocument, jws);
  const { quorum, index } = checkAgainstPolicy(unverified.value, policy);
  const period = checkPeriod(unverified.value, policy.policy.bucketSeconds);
  const document = await verifyDocument(
    unverified,
    quorum.custodians.map(({ key }) => fromBase64Url(key)),
  );
  const keyset = document.value;
  const id = asKeysetId(document.id);
  const keys: KeysetPublic = {
    keysetId: id,
    groupKey: fromBase64Url(keyset.groupKey),
    threshold: keyset.threshold,
    verificationShares: keyset.verificationShares.map((share) => fromBase64Url(share)),
  };
  return { id, keyset, quorumIndex: index, ...period, public: keys, jws } as VerifiedKeyset;
}

function checkAgainstPolicy(keyset: Keyset, policy: VerifiedPolicy): { quorum: Quorum; index: number } {
  if (keyset.policyId !== toBase64Url(policy.id)) throw new AccessError("KEYSET_POLICY");
  const found = findQuorum(policy.policy, keyset.quorum);
  const custodians = found?.quorum.custodians.map(({ id }) => id);
  if (
    found === undefined ||
    keyset.threshold !== found.quorum.threshold ||
    custodians?.join() !== keyset.custodians.join()
  )
    throw new AccessError("KEYSET_QUORUM", { quorum: keyset.quorum });
  const shares = new Set(keyset.verificationShares);
  if (keyset.verificationShares.length !== custodians.length || shares.size !== custodians.length)
    throw new AccessError("KEYSET_SHARES", { quorum: keyset.quorum });
  return found;
}

/** @throws AccessError KEYSET_PERIOD, DOCUMENT_TIME */
export function checkPeriod(
  period: { from: string; to: string },
  bucketSeconds: number,
): { fromSeconds: number; toSeconds: number } {
  const fromSeconds = parseUtcTime(period.from) / 1000;
  const toSeconds = parseUtcTime(period.to) / 1000;
  if (fromSeconds >= toSeconds || fromSeconds % bucketSeconds !== 0 || toSeconds % bucketSeconds !== 0)
    throw new AccessError("KEYSET_PERIOD", { from: period.from, to: period.to });
  return { fromSeconds, toSeconds };
}

/**
 * The keysets that a label in this bucket uses: the one of each quorum whose period contains it, in policy order.
 * @throws AccessError KEYSET_MISSING, KEYSET_AMBIGUOUS
 */
export function keysetsFor(
  policy: VerifiedPolicy,
  keysets: readonly VerifiedKeyset[],
  bucketStart: BucketStart,
): VerifiedKeyset[] {
  return policy.policy.quorums.map(({ name }, index) => {
    const current = keysets.filter(
      (keyset) =>
        keyset.keyset.policyId === toBase64Url(policy.id) &&
        keyset.quorumIndex === index &&
        keyset.fromSeconds <= bucketStart &&
        bucketStart < keyset.toSeconds,
    );
    const [only] = current;
    if (only === undefined) throw new AccessError("KEYSET_MISSING", { quorum: name, bucketStart });
    if (new Set(current.map(({ id }) => toBase64Url(id))).size > 1)
      throw new AccessError("KEYSET_AMBIGUOUS", { quorum: name, bucketStart });
    return only;
  });
}
