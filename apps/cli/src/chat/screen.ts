import { clearLine, createInterface, cursorTo, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** All that the chat shows. A line given to it is shown as it is: what others wrote has gone through `plainText`. */
export interface Screen {
  print(line: string): void;
  setPrompt(prompt: string): void;
}

/** Lines in, lines out. On a terminal, what is printed stands above the line that is being typed. */
export class TerminalScreen implements Screen {
  readonly #readline: Interface;
  readonly #output: Writable;
  readonly #isTerminal: boolean;

  constructor(input: Readable, output: Writable & { readonly isTTY?: boolean }) {
    this.#isTerminal = output.isTTY === true;
    this.#output = output;
    this.#readline = createInterface({ input, output, terminal: this.#isTerminal });
    this.#readline.setPrompt("");
    // Readline keeps ^C from the program.
    this.#readline.on("SIGINT", () => this.#readline.close());
  }

  print(line: string): void {
    if (this.#isTerminal) {
      cursorTo(this.#output, 0);
      clearLine(this.#output, 0);
    }
    this.#output.write(`${line}\n`);
    if (this.#isTerminal) this.#readline.prompt(true);
  }

  setPrompt(prompt: string): void {
    if (!this.#isTerminal) return;
    this.#readline.setPrompt(prompt);
    this.#readline.prompt(true);
  }

  /** Until the input ends, or somebody presses ^C. */
  lines(): AsyncIterable<string> {
    return this.#readline;
  }

  close(): void {
    this.#readline.close();
  }
}
