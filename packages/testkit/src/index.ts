export { assertDecoder } from "./decoder.ts";
export { FixedClock } from "./fixed-clock.ts";
export { samplesDirectory, skipWithoutSamples } from "./samples.ts";
export { seededRandom } from "./seeded-random.ts";
export { temporaryDirectory } from "./temporary-directory.ts";
