import { signingKeyFromSeed, type SigningKey } from "@portcullis/crypto";
import type { HpkeKey } from "@portcullis/crypto/hpke";
import { asDeviceId, decodeCbor, encodeCbor, FieldReader, type DeviceId } from "@portcullis/protocol";

const WAITING = "portcullis/client-link-waiting/v1";

/** What a new device keeps while it shows a code. Secret. */
export interface WaitingRecord {
  readonly deviceId: DeviceId;
  readonly deviceKey: SigningKey;
  /** For this code alone. */
  readonly key: HpkeKey;
  /** The code's. */
  readonly secret: Uint8Array;
  /** The mailbox's, base64url. */
  readonly token: string;
}

export function encodeWaitingRecord(record: WaitingRecord): Uint8Array {
  const { deviceId, deviceKey, key, secret, token } = record;
  return encodeCbor([WAITING, deviceId, deviceKey.seed, key.publicKey, key.privateKey, secret, token]);
}

/** @throws ProtocolError DECODE_* */
export function decodeWaitingRecord(bytes: Uint8Array): WaitingRecord {
  const what = "record of a link code";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 7);
  reader.constant(WAITING);
  return {
    deviceId: asDeviceId(reader.bytes()),
    deviceKey: signingKeyFromSeed(reader.bytes(32)),
    key: { publicKey: reader.bytes(32), privateKey: reader.bytes(32) },
    secret: reader.bytes(7),
    token: reader.text(),
  };
}
