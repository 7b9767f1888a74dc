export { WitnessError, witnessErrors, type WitnessErrorCode } from "./errors.ts";
export { parseOptions } from "./options.ts";
export { runWitness, type RunningWitness, type WitnessOptions } from "./run-witness.ts";
