import { test } from "node:test";
import { GroupCommit, type GroupCommitOptions } from "../src/delivery/group-commit.ts";

test(
  "what is handed over in whatever step of a run that ends is done all the same",
  { timeout: 10_000 },
  async () => {
    // Work between two groups touches nothing of the server's.
    const commits = new GroupCommit({} as GroupCommitOptions);
    for (let steps = 0; steps < 12; steps++) {
      await commits.between(() => Promise.resolve());
      for (let step = 0; step < steps; step++) await Promise.resolve();
      await commits.between(() => Promise.resolve());
    }
  },
);
