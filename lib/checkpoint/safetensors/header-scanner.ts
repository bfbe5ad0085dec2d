/** Thrown by the scanner without a file's name; the reader adds it. */
export class HeaderMismatch extends Error {}

const COUNT = /(?:0|[1-9]\d{0,15})(?![\d.eE])/y;
const SPACES = new Set([' ', '\t', '\n', '\r']);

/**
 * Reads the little JSON that a safetensors header may hold, from front to back: objects, strings, lists of counts.
 * Unlike `JSON.parse` it sees keys that come twice, and makes no object that a key could get at.
 */
export class HeaderScanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Calls `entry` at the value of each key. */
  object(entry: (key: string) => void): void {
    this.#expect('{');
    if (this.#take('}')) return;
    const seen = new Set<string>();
    do {
      const key = this.string();
      if (seen.has(key)) throw this.fail(`the key ${quoted(key)} twice`);
      seen.add(key);
      this.#expect(':');
      entry(key);
    } while (this.#take(','));
    this.#expect('}');
  }

  string(): string {
    this.#skip();
    const start = this.#position;
    if (this.#text[start] !== '"') throw this.fail('no string where one is expected');
    this.#position = this.#closingQuote(start) + 1;
    try {
      return JSON.parse(this.#text.slice(start, this.#position)) as string;
    } catch {
      throw this.fail('a broken string');
    }
  }

  /** Moves past `null`, if it is there. */
  takeNull(): boolean {
    this.#skip();
    const found = this.#text.startsWith('null', this.#position);
    if (found) this.#position += 4;
    return found;
  }

  /** A whole number from 0 to 2^53 - 1. */
  count(): number {
    this.#skip();
    COUNT.lastIndex = this.#position;
    const digits = COUNT.exec(this.#text)?.[0];
    if (digits === undefined || !Number.isSafeInteger(Number(digits))) {
      throw this.fail('no whole number below 2^53 where one is expected');
    }
    this.#position += digits.length;
    return Number(digits);
  }

  /** A list of at most `most` counts. */
  counts(most: number): number[] {
    this.#expect('[');
    const counts: number[] = [];
    if (this.#take(']')) return counts;
    do {
      if (counts.length === most) throw this.fail(`more than ${most} numbers in a list`);
      counts.push(this.count());
    } while (this.#take(','));
    this.#expect(']');
    return counts;
  }

  /** Nothing but white space may be left. */
  end(): void {
    this.#skip();
    if (this.#position !== this.#text.length) throw this.fail('something after its end');
  }

  fail(detail: string): HeaderMismatch {
    return new HeaderMismatch(`${detail} near byte ${this.#position + 8}`);
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw this.fail(`no "${character}" where one is expected`);
  }

  #take(character: string): boolean {
    this.#skip();
    const found = this.#text[this.#position] === character;
    if (found) this.#position++;
    return found;
  }

  #closingQuote(start: number): number {
    for (let at = start + 1; at < this.#text.length; at++) {
      if (this.#text[at] === '"') return at;
      if (this.#text[at] === '\\') at++;
    }
    throw this.fail('a string without an end');
  }

  // By hand: a regular expression over a million spaces would need a stack as deep.
  #skip(): void {
    while (SPACES.has(this.#text[this.#position] as string)) this.#position++;
  }
}

/** A name from the file fit for a message. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 57)}...` : name).replace(/[^\x20-\x7e]/g, '?');
}
