/** Prints our figures beside peers whose licences keep them out of the product; see README.md. */
import { benchLibsignal } from "./libsignal.ts";

await benchLibsignal((line) => console.log(line));
