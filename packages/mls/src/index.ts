export {
  createMlsEngine,
  type CommitRequest,
  type CommitSummary,
  type CreatedCommit,
  type EpochStart,
  type Exporter,
  type JoinedGroup,
  type LeafIdentity,
  type Member,
  type MlsDevice,
  type MlsEngine,
  type MlsEngineOptions,
  type MlsGroup,
  type ProcessedCommit,
  type RatchetRow,
  type StoredKeyPackage,
} from "./engine.ts";
export { MlsError, mlsErrors, type MlsErrorCode } from "./errors.ts";
export type { CryptoProvider, Eventually, Primitives } from "./provider.ts";
export { webCryptoProvider } from "./webcrypto.ts";
