/** One line of the operator's log. Never content, keys, tokens, or who wrote to whom. */
export type Log = (
  level: "info" | "warning" | "error",
  event: string,
  facts?: Readonly<Record<string, unknown>>,
) => void;

/** JSON lines on a stream. */
export function jsonLog(stream: { write(line: string): unknown }): Log {
  return (level, event, facts) => {
    stream.write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...facts })}\n`);
  };
}
