/** A message under way, as torch's `Work`. It can be awaited itself. */
export class Work implements PromiseLike<number | undefined> {
  readonly #done: Promise<number | undefined>;
  #completed = false;
  #source: number | undefined;

  /** @internal */
  constructor(done: Promise<number | undefined>) {
    this.#done = done.then((source) => {
      this.#completed = true;
      this.#source = source;
      return source;
    });
  }

  /** When the message has been sent or has come; for one that has come, the rank it came from. */
  async wait(): Promise<number | undefined> {
    return await this.#done;
  }

  isCompleted(): boolean {
    return this.#completed;
  }

  /** The rank that the message came from; undefined before it has, and for one that is sent. */
  sourceRank(): number | undefined {
    return this.#source;
  }

  // biome-ignore lint/suspicious/noThenProperty: it stands for its promise
  then<A = number | undefined, B = never>(
    onDone?: ((source: number | undefined) => A | PromiseLike<A>) | null,
    onFailure?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#done.then(onDone, onFailure);
  }
}
