import { sha256 } from "@portcullis/crypto";
import {
  asDeviceId,
  concatBytes,
  decodeCbor,
  encodeCbor,
  equalBytes,
  FieldReader,
  type DeviceId,
} from "@portcullis/protocol";
import { formatSpokenCode, parseSpokenCode, type SpokenCode } from "../account/spoken-code.ts";
import { ClientError } from "../errors.ts";

const OFFER = "portcullis/link-offer/v1";
const MAILBOX = "portcullis/link-mailbox/v1";
const FINGERPRINT_BYTES = 15;
export const LINK_SECRET_BYTES = 7;
const CODE: SpokenCode = {
  name: "portcullis/link-code/v1",
  contentBytes: FINGERPRINT_BYTES + LINK_SECRET_BYTES,
  checkBytes: 3,
};
const URI = /#portcullis-link\.1\.([^#]*)$/;

/** What a new device shows to the one that links it; no server ever sees it. */
export interface LinkCode {
  /** 15 bytes: the offer's. Whoever swaps the offer is found out. */
  readonly fingerprint: Uint8Array;
  /** 7 bytes: whoever answers has read the code. */
  readonly secret: Uint8Array;
}

/** The two forms of one code: to be typed, and for a QR code. */
export interface ShownCode {
  readonly text: string;
  readonly uri: string;
}

/** A new device, before it belongs to anybody. It goes through the server, which the code's fingerprint keeps honest. */
export interface LinkOffer {
  /** X25519, HPKE, 32 bytes: the answer is sealed to it. */
  readonly publicKey: Uint8Array;
  readonly deviceId: DeviceId;
  /** 32 bytes: the device's MLS signature key. */
  readonly signatureKey: Uint8Array;
}

export function encodeLinkOffer({ publicKey, deviceId, signatureKey }: LinkOffer): Uint8Array {
  return encodeCbor([OFFER, publicKey, deviceId, signatureKey]);
}

/** @throws ProtocolError DECODE_* */
export function decodeLinkOffer(bytes: Uint8Array): LinkOffer {
  const what = "link offer";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 4);
  reader.constant(OFFER);
  return {
    publicKey: reader.bytes(32),
    deviceId: asDeviceId(reader.bytes()),
    signatureKey: reader.bytes(32),
  };
}

/** The code for an offer. `secret`: 7 random bytes. */
export function linkCodeOf(offer: Uint8Array, secret: Uint8Array): LinkCode {
  return { fingerprint: sha256(offer).slice(0, FINGERPRINT_BYTES), secret };
}

/** The offer, if it is the one that the code names. @throws ClientError CLIENT_LINK_OFFER; ProtocolError DECODE_* */
export function verifyLinkOffer({ fingerprint, secret }: LinkCode, offer: Uint8Array): LinkOffer {
  if (!equalBytes(linkCodeOf(offer, secret).fingerprint, fingerprint))
    throw new ClientError("CLIENT_LINK_OFFER");
  return decodeLinkOffer(offer);
}

/** Where at the server the two devices meet. It tells nothing of the secret. */
export function mailboxOf({ fingerprint }: LinkCode): Uint8Array {
  return sha256(encodeCbor([MAILBOX, fingerprint]));
}

export function formatLinkCode(server: string, { fingerprint, secret }: LinkCode): ShownCode {
  const text = formatSpokenCode(CODE, concatBytes(fingerprint, secret));
  return { text, uri: `${server}/link#portcullis-link.1.${text}` };
}

/** From what was typed or scanned. @throws ClientError CLIENT_LINK_CODE */
export function parseLinkCode(text: string): LinkCode {
  const content = parseSpokenCode(CODE, URI.exec(text.trim())?.[1] ?? text);
  if (content === undefined) throw new ClientError("CLIENT_LINK_CODE");
  return {
    fingerprint: content.slice(0, FINGERPRINT_BYTES),
    secret: content.slice(FINGERPRINT_BYTES),
  };
}
