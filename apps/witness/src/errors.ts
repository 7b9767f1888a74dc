import { PortcullisError } from "@portcullis/protocol";

/** What `witness` throws, with the sentence that docs/errors.md and the message share. */
export const witnessErrors = {
  WITNESS_USAGE: "The witness was not started with the options that it needs.",
  WITNESS_KEY_FILE: "The witness's key file is damaged.",
} as const;

export type WitnessErrorCode = keyof typeof witnessErrors;

export class WitnessError extends PortcullisError<WitnessErrorCode> {
  constructor(code: WitnessErrorCode, facts: Readonly<Record<string, unknown>> = {}) {
    super(code, witnessErrors[code], facts);
  }
}
