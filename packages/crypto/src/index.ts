export { aeadOpen, aeadOpenPrefixed, aeadSeal, aeadSealAtRandom } from "./aead.ts";
export {
  CAPSULE_BYTES,
  deriveBucketKey,
  encapsulate,
  verifyCapsule,
  type VerifiedCapsule,
} from "./capsule.ts";
export { DkgParticipant, type DkgResult } from "./dkg.ts";
export { CryptoError, cryptoErrors, type CryptoErrorCode } from "./errors.ts";
export { constantTimeEqual, hkdfSha256, hmacSha256, sha256, sha256Stream, wipe } from "./hash.ts";
export {
  buildMerkleTree,
  merkleLeafHash,
  merkleNodeHash,
  merklePath,
  merkleRoot,
  rootFromPath,
  type MerkleTree,
} from "./merkle.ts";
export { PASSWORD_KEY_COST, passwordKey } from "./password-key.ts";
export type { KeysetPublic, QuorumKey } from "./quorum.ts";
export {
  combineShares,
  createShare,
  SHARE_BYTES,
  verifyShare,
  type SecretShare,
  type VerifiedShare,
} from "./share.ts";
export {
  generateSigningKey,
  sign,
  signingKeyFromSeed,
  signWithLabel,
  verifySignature,
  verifyWithLabel,
  type SigningKey,
} from "./signature.ts";
export {
  generateVrfKey,
  proveVrf,
  verifyVrf,
  VRF_PROOF_BYTES,
  vrfKeyFromScalar,
  vrfKeyFromSeed,
  type VrfKey,
} from "./vrf.ts";
