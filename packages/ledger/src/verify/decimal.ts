const DECIMAL = /^(?:0|[1-9][0-9]{0,15})$/;

/** The number that an ASCII decimal without leading zeroes stands for; undefined if it is none, or beyond 2^53 - 1. */
export function parseDecimal(text: string): number | undefined {
  if (!DECIMAL.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
