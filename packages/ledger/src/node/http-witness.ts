import type { WitnessClient } from "../cosignature-collector.ts";
import { LedgerError } from "../errors.ts";
import type { VerifierKey } from "../verify/verifier-key.ts";

const MAXIMUM_ANSWER_CHARACTERS = 64 * 1024;

/** The part of the global `fetch` that is used. */
export type Fetch = (
  url: string,
  init: { method: string; body: string; signal: AbortSignal },
) => Promise<{
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}>;

/** A witness at `url` (its submission prefix, without a slash at the end), asked over HTTP. */
export function httpWitness(at: {
  key: VerifierKey;
  url: string;
  fetch: Fetch;
  timeoutMs: number;
}): WitnessClient {
  return {
    key: at.key,
    addCheckpoint: async (body) => {
      const response = await at.fetch(`${at.url}/add-checkpoint`, {
        method: "POST",
        body,
        signal: AbortSignal.timeout(at.timeoutMs),
      });
      const text = await response.text();
      if (text.length > MAXIMUM_ANSWER_CHARACTERS) {
        throw new LedgerError("WITNESS_ANSWER", { witness: at.key.name, reason: "length" });
      }
      return {
        status: response.status,
        contentType: response.headers.get("content-type") ?? "",
        body: text,
      };
    },
  };
}
