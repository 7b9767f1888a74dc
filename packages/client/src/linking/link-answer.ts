import { constantTimeEqual, signingKeyFromSeed, wipe } from "@portcullis/crypto";
import { hpkeOpen, hpkeSeal, type HpkeKey } from "@portcullis/crypto/hpke";
import { decodeCbor, encodeCbor, FieldReader, utf8, type CborValue } from "@portcullis/protocol";
import type { AccountRecord } from "../account/account-record.ts";
import { ClientError } from "../errors.ts";
import type { TrustConfig } from "../server/provider.ts";
import { LINK_SECRET_BYTES } from "./link-code.ts";

const ANSWER = "portcullis/link-answer/v1";
const TRUST = "portcullis/client-trust/v1";
const WHAT = "link answer";
const INFO = utf8("portcullis link");

/** What makes a new device one of the account's. Secret. */
export interface LinkAnswer extends Omit<
  AccountRecord,
  "accountId" | "deviceId" | "deviceKey" | "registered"
> {
  readonly trust: TrustConfig;
  /** 32 bytes: the history comes under it. */
  readonly historyKey: Uint8Array;
}

/** Sealed to the key in the offer; the secret in it shows that whoever answers has read the code. */
export async function sealLinkAnswer(
  answer: LinkAnswer,
  to: { readonly offer: Uint8Array; readonly publicKey: Uint8Array; readonly secret: Uint8Array },
): Promise<Uint8Array> {
  const { offer, publicKey, secret } = to;
  const plaintext = encodeCbor([
    ANSWER,
    secret,
    answer.provider,
    answer.frankingKey,
    answer.handle,
    answer.accountKey.seed,
    answer.noticeKey.publicKey,
    answer.noticeKey.privateKey,
    answer.signedDeviceList,
    trustFields(answer.trust),
    answer.historyKey,
  ]);
  const sealed = await hpkeSeal({ publicKey, info: INFO, associatedData: offer, plaintext });
  wipe(plaintext);
  return sealed;
}

/**
 * An answer to this very offer by somebody who has read its code.
 * @throws ClientError CLIENT_LINK_ANSWER
 */
export async function openLinkAnswer(
  sealed: Uint8Array,
  expected: { readonly offer: Uint8Array; readonly key: HpkeKey; readonly secret: Uint8Array },
): Promise<LinkAnswer> {
  const { offer, key, secret } = expected;
  try {
    const plaintext = await hpkeOpen({ ...key, info: INFO, associatedData: offer, sealed });
    const reader = new FieldReader(decodeCbor(plaintext, WHAT), WHAT, 11);
    reader.constant(ANSWER);
    if (constantTimeEqual(reader.bytes(LINK_SECRET_BYTES), secret)) return readAnswer(reader);
  } catch {
    throw new ClientError("CLIENT_LINK_ANSWER");
  }
  throw new ClientError("CLIENT_LINK_ANSWER");
}

function readAnswer(reader: FieldReader): LinkAnswer {
  return {
    provider: reader.text(),
    frankingKey: reader.bytes(32),
    handle: reader.text(),
    accountKey: signingKeyFromSeed(reader.bytes(32)),
    noticeKey: { publicKey: reader.bytes(32), privateKey: reader.bytes(32) },
    signedDeviceList: reader.bytes(),
    trust: readTrust(reader.value()),
    historyKey: reader.bytes(32),
  };
}

export function encodeTrust(trust: TrustConfig): Uint8Array {
  return encodeCbor(trustFields(trust));
}

/** @throws ProtocolError DECODE_* */
export function decodeTrust(bytes: Uint8Array): TrustConfig {
  return readTrust(decodeCbor(bytes, TRUST));
}

function trustFields({
  policyId = "",
  log,
  identityLog,
  vrfKey,
  witnesses,
  witnessThreshold,
}: TrustConfig): CborValue {
  return [TRUST, policyId, log, identityLog, vrfKey, [...witnesses], witnessThreshold];
}

function readTrust(value: CborValue): TrustConfig {
  const reader = new FieldReader(value, "trust configuration", 7);
  reader.constant(TRUST);
  const policyId = reader.text();
  return {
    ...(policyId !== "" && { policyId }),
    log: reader.text(),
    identityLog: reader.text(),
    vrfKey: reader.text(),
    witnesses: reader.list((line) => textOf(line)),
    witnessThreshold: reader.integer(),
  };
}

function textOf(line: CborValue): string {
  return new FieldReader([line], "witness", 1).text();
}
