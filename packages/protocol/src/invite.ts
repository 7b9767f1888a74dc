import { fromBase64Url, toBase64Url } from "./bytes.ts";
import { encodeCbor } from "./cbor-encoder.ts";
import { ProtocolError } from "./errors.ts";

/** What a client measures a server against: who publishes its logs, and whose cosignatures count. */
export interface TrustAnchors {
  readonly policyId?: string;
  /** Verifier keys as lines of signed-note. */
  readonly log: string;
  readonly identityLog: string;
  /** base64url, 32 bytes: proves whose a label in the identity log is. */
  readonly vrfKey: string;
  readonly witnesses: readonly string[];
  readonly witnessThreshold: number;
}

/** An invitation as people hand it on. */
export interface InviteLink {
  /** Where the server is: http: or https:, without a slash at the end. */
  readonly server: string;
  /** 16 bytes: whoever has them may make an account. */
  readonly secret: Uint8Array;
  /** 32 bytes: SHA-256 of `encodeTrustAnchors`. */
  readonly trustFingerprint: Uint8Array;
}

export const INVITE_SECRET_BYTES = 16;
const LINK = /^(https?:\/\/[^\s#?@]+)\/join#portcullis-invite\.1\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

/** The bytes whose SHA-256 an invitation carries. */
export function encodeTrustAnchors(trust: TrustAnchors): Uint8Array {
  const { policyId = null, log, identityLog, vrfKey, witnesses, witnessThreshold } = trust;
  return encodeCbor(["portcullis/trust/v1", policyId, log, identityLog, vrfKey, witnesses, witnessThreshold]);
}

/** Secret and fingerprint stand in the fragment, which a browser sends to nobody. */
export function formatInviteLink({ server, secret, trustFingerprint }: InviteLink): string {
  return `${server}/join#portcullis-invite.1.${toBase64Url(secret)}.${toBase64Url(trustFingerprint)}`;
}

/** @throws ProtocolError INVITE_LINK */
export function parseInviteLink(text: string): InviteLink {
  const [, server, secret, fingerprint] = LINK.exec(text.trim()) ?? [];
  if (server === undefined || secret === undefined || fingerprint === undefined || !URL.canParse(server))
    throw new ProtocolError("INVITE_LINK");
  return { server, secret: fromBase64Url(secret), trustFingerprint: fromBase64Url(fingerprint) };
}
