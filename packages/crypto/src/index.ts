export { aeadOpen, aeadSeal } from "./aead.ts";
export { CryptoError, cryptoErrors, type CryptoErrorCode } from "./errors.ts";
export { constantTimeEqual, hkdfSha256, hmacSha256, sha256, wipe } from "./hash.ts";
export {
  buildMerkleTree,
  merkleLeafHash,
  merkleNodeHash,
  merklePath,
  merkleRoot,
  rootFromPath,
  type MerkleTree,
} from "./merkle.ts";
export {
  generateSigningKey,
  sign,
  signingKeyFromSeed,
  signWithLabel,
  verifySignature,
  verifyWithLabel,
  type SigningKey,
} from "./signature.ts";
