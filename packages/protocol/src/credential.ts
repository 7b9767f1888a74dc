import type { DeviceReference } from "./authenticated-data.ts";
import { decodeCbor, FieldReader } from "./cbor.ts";
import { encodeCbor } from "./cbor-encoder.ts";
import { asAccountId, asDeviceId } from "./identifiers.ts";

const LEAF = "portcullis/leaf/v1";

/** The identity of an MLS BasicCredential: whose leaf it claims to be. Proof is the account's logged device list. */
export function encodeLeafIdentity(device: DeviceReference): Uint8Array {
  return encodeCbor([LEAF, device.accountId, device.deviceId]);
}

/** @throws ProtocolError DECODE_* */
export function decodeLeafIdentity(bytes: Uint8Array): DeviceReference {
  const what = "leaf identity";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 3);
  reader.constant(LEAF);
  return { accountId: asAccountId(reader.bytes()), deviceId: asDeviceId(reader.bytes()) };
}
