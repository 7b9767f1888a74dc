/**
 * The base of every error that Portcullis throws on purpose. `code` is stable and listed in docs/errors.md;
 * `facts` are what a program or an operator needs to act, never content of a message.
 */
export class PortcullisError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: Code, meaning: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(`${code}: ${meaning}`);
    this.name = new.target.name;
    this.code = code;
    this.facts = facts;
  }
}

/** What `protocol` throws, with the sentence that docs/errors.md and the message share. */
export const protocolErrors = {
  DECODE_TRUNCATED: "The bytes end before the value does.",
  DECODE_TRAILING: "There are bytes behind the end of the value.",
  DECODE_NOT_CANONICAL: "The value is not encoded in the one form that is allowed.",
  DECODE_SHAPE: "The value is not of the expected shape.",
  DECODE_LENGTH: "A field has the wrong length.",
  DECODE_RANGE: "A number is out of range.",
  DECODE_PADDING: "The padding is wrong.",
  INVITE_LINK: "The invitation is not complete, or not an invitation.",
  JOIN_LINK: "The link to a conversation is not complete, or not such a link.",
  HANDLE_LENGTH: "A handle has 1 to 64 characters.",
  HANDLE_INVISIBLE: "The handle holds a character that shows nothing or turns the direction of text.",
  HANDLE_CHARACTER: "A handle consists of letters, digits, single spaces and the punctuation of names.",
  HANDLE_SCRIPT: "The handle mixes alphabets that are not written together.",
} as const;

export type ProtocolErrorCode = keyof typeof protocolErrors;

/** Bytes or text that are not what they claim to be. `facts.what` names the structure, `facts.field` the place. */
export class ProtocolError extends PortcullisError<ProtocolErrorCode> {
  constructor(code: ProtocolErrorCode, facts: Readonly<Record<string, unknown>> = {}) {
    super(code, protocolErrors[code], facts);
  }
}
