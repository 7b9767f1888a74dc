const WIDTH = 32;
const REDRAW_MS = 100;

/** A bar on a terminal; elsewhere a line at each tenth. Done when `count` reaches `total`. */
export class Progress {
  readonly #title: string;
  readonly #total: number;
  readonly #out: NodeJS.WriteStream;
  readonly #startedAt = performance.now();
  #drawnAt = -REDRAW_MS;
  #tenth = 0;

  constructor(title: string, total: number, out: NodeJS.WriteStream = process.stdout) {
    this.#title = title;
    this.#total = Math.max(total, 1);
    this.#out = out;
  }

  update(count: number, note = ""): void {
    const done = count >= this.#total;
    if (this.#out.isTTY) this.#draw(count, note, done);
    else this.#say(count, note);
  }

  #draw(count: number, note: string, done: boolean): void {
    const now = performance.now();
    if (!done && now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    const filled = Math.round((Math.min(count, this.#total) / this.#total) * WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
    this.#out.write(
      `\r  ${this.#title} ${bar} ${count} of ${this.#total} ${note}\u001b[K${done ? this.#ending() : ""}`,
    );
  }

  #say(count: number, note: string): void {
    const tenth = Math.floor((count / this.#total) * 10);
    if (tenth <= this.#tenth) return;
    this.#tenth = tenth;
    this.#out.write(
      `  ${this.#title} ${Math.min(tenth, 10) * 10} % (${count} of ${this.#total}) ${note}${tenth >= 10 ? this.#ending() : "\n"}`,
    );
  }

  #ending(): string {
    return ` in ${((performance.now() - this.#startedAt) / 1000).toFixed(1)} s\n`;
  }
}
