export {
  accountIdOf,
  deviceOf,
  identityEntry,
  MAXIMUM_DEVICES,
  MAXIMUM_SIGNED_LIST_BYTES,
  signDeviceList,
  verifyDeviceList,
  verifySuccession,
  type Device,
  type DeviceList,
  type VerifiedDeviceList,
} from "./device-list.ts";
export {
  decodeDeviceProof,
  encodeDeviceProof,
  verifyDeviceProof,
  type DeviceProof,
  type ProvenDeviceList,
} from "./device-proof.ts";
