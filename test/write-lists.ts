/** Writes docs/errors.md and test/exports.json from the source, for a reviewer to read in the diff. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorCodes, errorsPage } from "./error-codes.ts";
import { exportedNames } from "./exported-names.ts";
import { repository } from "./house.ts";

writeFileSync(join(repository, "docs/errors.md"), errorsPage(await errorCodes()));
writeFileSync(join(repository, "test/exports.json"), `${JSON.stringify(await exportedNames(), null, 2)}\n`);
