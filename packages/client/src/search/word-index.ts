/**
 * Which lines have which words. Words stand sorted beside the numbers of their lines, so that all words with the same
 * beginning are one stretch, and a hundred thousand messages fit beside the rest of a client (docs/decisions.md).
 */
export class WordIndex {
  readonly #lines: number;
  readonly #words: readonly string[];
  /** Where the lines of each word begin, and where those of the last one end. */
  readonly #starts: Uint32Array;
  readonly #numbers: Uint32Array;

  /** `lines`: words between spaces. */
  constructor(lines: readonly string[]) {
    this.#lines = lines.length;
    const linesOf = new Map<string, number[]>();
    for (const [number, line] of lines.entries())
      for (const word of line.trim().split(" ")) {
        const numbers = linesOf.get(word);
        if (numbers === undefined) linesOf.set(word, [number]);
        else if (numbers.at(-1) !== number) numbers.push(number);
      }
    // By code units, as they are compared below.
    const sorted = [...linesOf].toSorted(([a], [b]) => (a < b ? -1 : 1));
    this.#words = sorted.map(([word]) => word);
    this.#starts = new Uint32Array(sorted.length + 1);
    for (const [i, [, numbers]] of sorted.entries())
      this.#starts[i + 1] = (this.#starts[i] as number) + numbers.length;
    this.#numbers = new Uint32Array(this.#starts.at(-1) as number);
    for (const [i, [, numbers]] of sorted.entries()) this.#numbers.set(numbers, this.#starts[i]);
  }

  /** The numbers of the lines that have all of these, ascending. */
  linesWith(wanted: readonly { readonly word: string; readonly isPrefix: boolean }[]): number[] {
    // How many of the words so far each line has.
    const has = new Uint32Array(this.#lines);
    for (const [count, { word, isPrefix }] of wanted.entries()) {
      const [from, to] = this.#stretch(word, isPrefix);
      for (let i = from; i < to; i++) {
        const line = this.#numbers[i] as number;
        // Once for each word, though several may begin with it.
        if (has[line] === count) has[line] = count + 1;
      }
    }
    const lines: number[] = [];
    for (let line = 0; line < this.#lines; line++) if (has[line] === wanted.length) lines.push(line);
    return lines;
  }

  /** Where the lines of these words stand. */
  #stretch(word: string, isPrefix: boolean): [from: number, to: number] {
    const first = this.#firstFrom((one) => one >= word);
    const end = this.#firstFrom((one) => one > word && !(isPrefix && one.startsWith(word)));
    return [this.#starts[first] as number, this.#starts[end] as number];
  }

  /** The first word of which this holds, as it does of all behind it. */
  #firstFrom(holds: (word: string) => boolean): number {
    let [low, high] = [0, this.#words.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.#words[middle] as string)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
