/**
 * Readers and writers of one thing, in the order in which they came: readers run together, a writer alone. None waits for ever.
 */
export class Turns {
  #lastWrite: Promise<unknown> = Promise.resolve();
  readonly #reads = new Set<Promise<unknown>>();

  read<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastWrite.then(work);
    this.#reads.add(turn);
    const ended = () => this.#reads.delete(turn);
    turn.then(ended, ended);
    return turn;
  }

  write<T>(work: () => Promise<T>): Promise<T> {
    const turn = Promise.allSettled([this.#lastWrite, ...this.#reads]).then(work);
    this.#lastWrite = turn.catch(() => {});
    return turn;
  }
}
