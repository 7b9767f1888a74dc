/** The folder of sample data that is no part of the product, when the environment names one. */
export function samplesDirectory(): string | undefined {
  const folder = process.env["PORTCULLIS_SAMPLES"];
  return folder === undefined || folder === "" ? undefined : folder;
}

/** For node:test's `skip`: false when there are samples, else the line that says why not. */
export function skipWithoutSamples(): false | string {
  return samplesDirectory() === undefined ? "PORTCULLIS_SAMPLES is not set: no sample data here" : false;
}
