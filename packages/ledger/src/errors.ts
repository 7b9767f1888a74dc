import { PortcullisError } from "@portcullis/protocol";

/** What `ledger` throws, with the sentence that docs/errors.md and the message share. */
export const ledgerErrors = {
  LEDGER_KEY_MALFORMED: "The text is not a verifier key of a kind that is used here.",
  LEDGER_NOTE_MALFORMED: "The text is not a signed note.",
  LEDGER_CHECKPOINT_MALFORMED: "The note's text is not a checkpoint.",
  LEDGER_PROOF_MALFORMED: "The text is not a tlog-proof.",
  LEDGER_POLICY: "The witness policy cannot be satisfied, or mixes up the kinds of keys.",
  LEDGER_ORIGIN: "The checkpoint is of another log.",
  LEDGER_SIGNATURE: "The log's signature is missing, or a signature by a known key is wrong.",
  LEDGER_WITNESS_QUORUM: "Fewer witnesses than the policy demands have cosigned the checkpoint.",
  LEDGER_STALE: "Too few of the cosignatures are of the time allowed.",
  LEDGER_INCLUSION: "The proof does not show that the entry stands at that index under that root.",
  LEDGER_CONSISTENCY: "The proof does not show that the newer tree continues the older one.",
  LEDGER_ENTRY_LENGTH: "An entry is empty or longer than an entry bundle can hold.",
  LEDGER_ENTRY_CONFLICT: "The ledger has another entry at that index.",
  LEDGER_INDEX: "The ledger has no such index or size.",
  LEDGER_TILE: "A tile or an entry bundle is missing, or not what the tree says it is.",
  LEDGER_ROLLBACK: "The directory holds less than what was signed or published from it.",
  LEDGER_FAILED: "A write failed earlier; open the log again from its directory.",
  LEDGER_CLOSED: "The sequencer was closed before the entry was published.",
  WITNESS_ANSWER: "A witness gave an answer that is not of the protocol.",
  WITNESS_REFUSED: "A witness refused the checkpoint.",
  WITNESS_STATE: "The witness's record of a log is damaged.",
  IDENTITY_ACCOUNT: "The account is not the one that the key makes.",
  IDENTITY_SIGNATURE: "The device list is not signed by its account's key.",
  IDENTITY_DEVICES: "The device list names a device or a key twice, out of order, or too many.",
  IDENTITY_VERSION: "A first version names a previous list, or a later one does not.",
  IDENTITY_SUCCESSION: "The device list is not the next version of the one before.",
  INDEX_OPENING: "An entry of the identity log is not what its opening says.",
  INDEX_VERSION: "An entry of the identity log is not the version after the account's last one.",
  INDEX_ROOT: "An index root in the identity log is not that of the entries before it.",
  INDEX_STALE_ROOT: "The index root is not the last entry of the identity log.",
  INDEX_PATH: "The lookup's answer for an account does not lead to the index root.",
} as const;

export type LedgerErrorCode = keyof typeof ledgerErrors;

/** A log, a proof or a device list that is not what it should be. */
export class LedgerError extends PortcullisError<LedgerErrorCode> {
  constructor(code: LedgerErrorCode, facts: Readonly<Record<string, unknown>> = {}) {
    super(code, ledgerErrors[code], facts);
  }
}
