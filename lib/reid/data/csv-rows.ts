/**
 * Records of a table in CSV (RFC 4180): quoted cells, with commas, line breaks and doubled quotes in them; empty lines are none.
 *
 * @throws Error that names the line of a quote that does not end, or has text behind it
 */
export function csvRows(text: string): string[][] {
  const rows: string[][] = [];
  const cells = new CellReader(text.replace(/^\ufeff/, ''));
  for (let row: string[] = []; !cells.atEnd || row.length > 0; ) {
    row.push(cells.next());
    if (!cells.rowEnds()) continue;
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  }
  return rows;
}

const QUOTED = /"((?:[^"]|"")*)"/y;
const PLAIN = /[^,\r\n]*/y;
const ROW_END = /\r\n|\n|\r|$/y;

class CellReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  next(): string {
    if (this.#text[this.#at] !== '"') return this.#take(PLAIN) as string;
    const quoted = this.#take(QUOTED);
    if (quoted === undefined) throw new Error(`a quote that does not end in line ${this.#line}`);
    return quoted.slice(1, -1).replaceAll('""', '"');
  }

  /** Steps over what ends a cell. */
  rowEnds(): boolean {
    if (this.#text[this.#at] === ',') {
      this.#at++;
      return false;
    }
    if (this.#take(ROW_END) === undefined) throw new Error(`text behind a quote in line ${this.#line}`);
    return true;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  get #line(): number {
    return this.#text.slice(0, this.#at).split('\n').length;
  }
}
