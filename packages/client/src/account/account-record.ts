import { signingKeyFromSeed, type SigningKey } from "@portcullis/crypto";
import {
  asAccountId,
  asDeviceId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  type AccountId,
  type DeviceId,
} from "@portcullis/protocol";

const ACCOUNT = "portcullis/client-account/v1";

/** Who this device is. Secret: it holds the account's, the device's and the notice key. */
export interface AccountRecord {
  /** Whose host stands in URIs. */
  readonly provider: string;
  /** The provider's franking key as first seen, 32 bytes: another one is refused. */
  readonly frankingKey: Uint8Array;
  readonly handle: string;
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  /** Signs device lists. */
  readonly accountKey: SigningKey;
  /** The MLS signature key; also opens sessions. */
  readonly deviceKey: SigningKey;
  /** X25519, HPKE: notices of openings are sealed to it. 32 bytes each. */
  readonly noticeKey: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };
  readonly signedDeviceList: Uint8Array;
  /** False from before the request that registers it until the server has answered. */
  readonly registered: boolean;
}

export function encodeAccountRecord(account: AccountRecord): Uint8Array {
  return encodeCbor([
    ACCOUNT,
    account.provider,
    account.frankingKey,
    account.handle,
    account.accountId,
    account.deviceId,
    account.accountKey.seed,
    account.deviceKey.seed,
    account.noticeKey.publicKey,
    account.noticeKey.privateKey,
    account.signedDeviceList,
    account.registered,
  ]);
}

/** @throws ProtocolError DECODE_* */
export function decodeAccountRecord(bytes: Uint8Array): AccountRecord {
  const what = "account record";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 12);
  reader.constant(ACCOUNT);
  return {
    provider: reader.text(),
    frankingKey: reader.bytes(32),
    handle: reader.text(),
    accountId: asAccountId(reader.bytes()),
    deviceId: asDeviceId(reader.bytes()),
    accountKey: signingKeyFromSeed(reader.bytes(32)),
    deviceKey: signingKeyFromSeed(reader.bytes(32)),
    noticeKey: { publicKey: reader.bytes(32), privateKey: reader.bytes(32) },
    signedDeviceList: reader.bytes(),
    registered: reader.boolean(),
  };
}
