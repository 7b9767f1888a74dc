/** What every program needs of its data directory. Loads no database. */
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
