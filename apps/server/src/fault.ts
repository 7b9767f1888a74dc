import type { Fault } from "@portcullis/store";

const none: Fault = () => {};

/**
 * For tests of demonstrations: `POINT:N` kills the process, as kill -9 does, when it comes to that point of a durable
 * write for the n-th time. Without effect in a directory that is in earnest.
 */
export function faultFrom(text: string | undefined, demonstration: boolean): Fault {
  const match = demonstration ? /^([a-z.-]+):([1-9][0-9]*)$/.exec(text ?? "") : null;
  if (match === null) return none;
  let left = Number(match[2]);
  return (point) => {
    if (point === match[1] && --left === 0) process.kill(process.pid, "SIGKILL");
  };
}
