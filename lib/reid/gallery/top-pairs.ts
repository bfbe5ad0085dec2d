/** Pairs of images, the most similar first. */
export interface RankedPairs {
  readonly similarities: Float32Array;
  readonly first: Int32Array;
  readonly second: Int32Array;
}

/** Keeps the most similar pairs: at least `room` of them, and no more than twice as many at a time. */
export class TopPairs {
  readonly #room: number;
  readonly #similarities: Float32Array;
  readonly #first: Int32Array;
  readonly #second: Int32Array;
  #count = 0;
  #least = Number.NEGATIVE_INFINITY;

  constructor(room: number) {
    this.#room = room;
    this.#similarities = new Float32Array(2 * room);
    this.#first = new Int32Array(2 * room);
    this.#second = new Int32Array(2 * room);
  }

  add(similarity: number, first: number, second: number): void {
    if (similarity < this.#least) return;
    if (this.#count === 2 * this.#room) this.#cut();
    const at = this.#count++;
    this.#similarities[at] = similarity;
    this.#first[at] = first;
    this.#second[at] = second;
  }

  /** Of equal ones those that came first stay. */
  #cut(): void {
    const sorted = this.#similarities.slice(0, this.#count).sort();
    this.#least = sorted[this.#count - this.#room] as number;
    const above = sorted.reduce((count, value) => count + Number(value > this.#least), 0);
    let [kept, equal] = [0, this.#room - above];
    for (let at = 0; at < this.#count; at++) {
      const similarity = this.#similarities[at] as number;
      if (similarity < this.#least || (similarity === this.#least && equal-- <= 0)) continue;
      this.#similarities[kept] = similarity;
      this.#first[kept] = this.#first[at] as number;
      this.#second[kept++] = this.#second[at] as number;
    }
    this.#count = kept;
  }

  ranked(): RankedPairs {
    const order = Array.from({ length: this.#count }, (_, at) => at);
    order.sort((a, b) => (this.#similarities[b] as number) - (this.#similarities[a] as number) || a - b);
    return {
      similarities: Float32Array.from(order, (at) => this.#similarities[at] as number),
      first: Int32Array.from(order, (at) => this.#first[at] as number),
      second: Int32Array.from(order, (at) => this.#second[at] as number),
    };
  }
}
