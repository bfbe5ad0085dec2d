/** Promises that were not settled yet. */
export class CallsUnderWay {
  readonly #calls = new Set<Promise<unknown>>();

  /** Counts a call until it settles. */
  add<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call);
    const forget = () => this.#calls.delete(call);
    call.then(forget, forget);
    return call;
  }

  /** Resolves, and never rejects, when those that are counted now have settled. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#calls);
  }
}
