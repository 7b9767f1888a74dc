export {
  addCheckpoint,
  formatAddCheckpoint,
  parseAddCheckpoint,
  type AddCheckpointOutcome,
  type AddCheckpointRequest,
  type WitnessAnswer,
  type WitnessRecord,
} from "./add-checkpoint.ts";
export { collectCosignatures, type WitnessClient } from "./cosignature-collector.ts";
export { LedgerError, ledgerErrors, type LedgerErrorCode } from "./errors.ts";
export {
  cosignNoteText,
  makeNoteSigner,
  signCheckpoint,
  signNoteText,
  type NoteSigner,
} from "./note-signer.ts";
export {
  Sequencer,
  type Cosign,
  type Pace,
  type PendingCheckpoint,
  type Sequenced,
  type SequencedLog,
  type SequencerStorage,
  type Tick,
} from "./sequencer.ts";
export {
  decodeEntryBundle,
  decodeTile,
  encodeEntryBundle,
  filledTiles,
  MAXIMUM_ENTRY_BYTES,
  newTiles,
  TILE_WIDTH,
  tileAt,
  tilePath,
  type Tile,
} from "./tile.ts";
export { consistencyPath, emptyRoot, inclusionPath, readRoot, type TileReader } from "./tree.ts";
