export {
  clockFor,
  DataDirectory,
  openDataDirectory,
  systemClock,
  type DataDirectoryOptions,
  type Program,
} from "./data-directory.ts";
export { DemonstrationClock, DemonstrationClockWriter } from "./demonstration-clock.ts";
export { makeFolder, syncFolder, writeFileDurably } from "./durable-file.ts";
export { StoreError, storeErrors, type StoreErrorCode } from "./errors.ts";
