/** Prints our figures beside peers whose licences keep them out of the product; see README.md. */
import { benchCoreCrypto } from "./core-crypto.ts";
import { benchLibsignal } from "./libsignal.ts";

const benches = { libsignal: benchLibsignal, "core-crypto": benchCoreCrypto };
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(benches);
for (const [name, bench] of Object.entries(benches))
  if (wanted.includes(name)) await bench((line) => console.log(line));
