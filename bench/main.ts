/** Prints the figures that the README quotes: `npm run bench`, or `npm run bench -- crypto ledger mls` for some. */
import { cpus } from "node:os";
import { benchAttachments } from "./attachments.ts";
import { benchCrypto } from "./crypto.ts";
import { benchGroups } from "./groups.ts";
import { benchIdentity } from "./identity.ts";
import { benchLedger } from "./ledger.ts";
import { benchMls } from "./mls.ts";
import { benchSearch } from "./search.ts";

const benches: Readonly<Record<string, (print: (line: string) => void) => Promise<void> | void>> = {
  attachments: benchAttachments,
  crypto: benchCrypto,
  groups: benchGroups,
  identity: benchIdentity,
  ledger: benchLedger,
  mls: benchMls,
  search: benchSearch,
};

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(benches);
console.log(
  `Node ${process.version}, ${cpus()[0]?.model ?? "unknown processor"}. Trust the ratios: both sides ran in this run.\n`,
);
for (const name of wanted) {
  const bench = benches[name];
  if (bench === undefined)
    throw new Error(`there is no bench "${name}"; there are ${Object.keys(benches).join(", ")}`);
  await bench((line) => console.log(line));
  console.log("");
}
