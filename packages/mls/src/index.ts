export type {
  CommitRequest,
  CommitSummary,
  CreatedCommit,
  EpochStart,
  Exporter,
  LeafIdentity,
  Member,
  MlsDevice,
  MlsEngine,
  MlsEngineOptions,
  MlsGroup,
  ProcessedCommit,
  RatchetRow,
  StoredKeyPackage,
} from "./engine.ts";
export { MlsError, mlsErrors, type MlsErrorCode } from "./errors.ts";
export type { CryptoProvider, Eventually, Primitives } from "./provider.ts";
