export {
  accountIdOf,
  deviceOf,
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
export {
  auditIndex,
  emptyIndex,
  extendIndex,
  findInIndex,
  proveLabel,
  rootOfIndex,
  type IdentityIndex,
  type IndexedList,
} from "./identity-index.ts";
export {
  commitToList,
  decodeIdentityOpening,
  encodeIdentityOpening,
  identityEntry,
  type IdentityOpening,
  type ListOpening,
  type RootOpening,
} from "./identity-opening.ts";
export {
  answerLookup,
  decodeLookup,
  encodeLookup,
  verifyLookup,
  type Lookup,
  type LookupAnswer,
  type LookupWindow,
  type VerifiedLookup,
} from "./lookup.ts";
