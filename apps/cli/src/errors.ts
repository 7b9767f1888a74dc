import { PortcullisError } from "@portcullis/protocol";

/** What the command line says of its arguments and files. */
export const cliErrors = {
  CLI_UNKNOWN_COMMAND: "There is no such command.",
  CLI_OPTION: "An option is wrong.",
  CLI_DATA_IN_USE: "The data directory is not empty and was not made by a demonstration.",
  CLI_OUT_IN_USE: "The output directory holds files that no demonstration wrote.",
  CLI_PROGRAM_FAILED: "A program of the demonstration ended too early.",
  CLI_ACCOUNT_UNKNOWN: "Nobody of that name speaks in the transcript.",
  CLI_TRUST_MISSING: "There is no trust file beside the evidence; name one with --trust.",
  CLI_EVIDENCE_MISSING: "There is no evidence in that folder.",
  CLI_REPLAY_DIFFERS: "A client does not hold what was sent.",
  CLI_CHAT_DATA:
    "There is no account in that directory; begin with --invite and --handle, or with --server and --link.",
  CLI_CHAT_DATA_IN_USE: "That directory belongs to an account of another server.",
  CLI_CHAT_COMMAND: "There is no such command here; /help lists them.",
  CLI_CHAT_FILE: "The file cannot be read.",
  CLI_CHAT_USAGE: "The command needs something else; /help says what.",
  CLI_CHAT_CLOSED: "No conversation is open; /list shows them, and /open N opens one.",
  CLI_CHAT_CONVERSATION: "There is no conversation of that number.",
  CLI_CHAT_HANDLE: "Nobody has that handle.",
  CLI_CHAT_DEVICE: "The account has no device of that number.",
  CLI_REPORT_UNKNOWN: "There is no report of that number.",
  TRANSCRIPT_MISSING: "The transcript cannot be read.",
  TRANSCRIPT_NOT_UTF8: "The transcript is not UTF-8.",
  TRANSCRIPT_EMPTY: "There is no message in the transcript.",
  TRANSCRIPT_STRAY_LINE: "A line stands before the first message and belongs to none.",
  TRANSCRIPT_LINE_TOO_LONG: "A line of the transcript is too long.",
  TRANSCRIPT_MESSAGE_TOO_LONG: "A message of the transcript is too long.",
  TRANSCRIPT_DATE: "A line of the transcript has a date or time that does not exist.",
  TRANSCRIPT_TOO_OLD: "A line of the transcript is from before 2 January 1970.",
  TRANSCRIPT_ORDER: "A line of the transcript is earlier than the one before.",
  TRANSCRIPT_NAME: "A name in the transcript is empty or too long.",
  TRANSCRIPT_SPEAKERS: "A conversation needs at least two people, and has at most a hundred here.",
} as const;

export type CliErrorCode = keyof typeof cliErrors;

export class CliError extends PortcullisError<CliErrorCode> {
  constructor(code: CliErrorCode, facts: Readonly<Record<string, unknown>> = {}) {
    super(code, cliErrors[code], facts);
  }
}
