export { systemFiles, type FileOperations } from "./file-operations.ts";
export { httpWitness, type Fetch } from "./http-witness.ts";
export { TileLog, type TileLogOptions } from "./tile-log.ts";
export { createWitnessHandler } from "./witness-handler.ts";
export { originHash, WitnessStore, type WitnessStoreOptions } from "./witness-store.ts";
