const ROUNDS = 12;
const WARM_UP_SECONDS = 0.2;
const ROUND_SECONDS = 0.1;

/** Something to be timed. Called over and over. */
export type Operation = () => unknown;

/**
 * How often each operation runs per CPU second of this process. The operations take turns, round by round, and of each
 * the best round counts: whatever else a machine does only ever makes a round slower.
 */
export async function ratesPerCpuSecond<Name extends string>(
  operations: Readonly<Record<Name, Operation>>,
): Promise<Record<Name, number>> {
  const names = Object.keys(operations) as Name[];
  const best = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  for (const name of names) await rate(operations[name], WARM_UP_SECONDS);
  for (let round = 0; round < ROUNDS; round++)
    for (const name of names) best[name] = Math.max(best[name], await rate(operations[name], ROUND_SECONDS));
  return best;
}

async function rate(operation: Operation, seconds: number): Promise<number> {
  const start = process.cpuUsage();
  for (let done = 1; ; done++) {
    await operation();
    if (done % 8 !== 0) continue;
    const { user, system } = process.cpuUsage(start);
    const spent = (user + system) / 1e6;
    if (spent >= seconds) return done / spent;
  }
}
