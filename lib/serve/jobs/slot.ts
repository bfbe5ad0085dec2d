/** What a slot holds: ended when nobody uses it any more. */
export interface Closable {
  close(): Promise<void>;
}

interface Holder<T> {
  readonly value: T;
  users: number;
  isRetired: boolean;
}

/**
 * The model that requests are answered with. A reload puts another in its place: requests that began with the old one end
 * with it, and it is closed after the last of them.
 */
export class Slot<T extends Closable> {
  readonly #load: () => Promise<T>;
  #holder: Holder<T>;
  #reloading: Promise<unknown> = Promise.resolve();
  #ending: Promise<void>[] = [];
  #reloads = 0;

  private constructor(load: () => Promise<T>, value: T) {
    this.#load = load;
    this.#holder = { value, users: 0, isRetired: false };
  }

  static async open<T extends Closable>(load: () => Promise<T>): Promise<Slot<T>> {
    return new Slot(load, await load());
  }

  /** What requests that begin now are answered with; use it within {@link use} where there is an await. */
  get current(): T {
    return this.#holder.value;
  }

  /** How often another was put in its place. */
  get reloads(): number {
    return this.#reloads;
  }

  /** Runs work with one model from its beginning to its end. */
  async use<R>(work: (value: T) => Promise<R>): Promise<R> {
    const holder = this.#holder;
    holder.users++;
    try {
      return await work(holder.value);
    } finally {
      holder.users--;
      if (holder.isRetired && holder.users === 0) this.#end(holder);
    }
  }

  /** Loads another, one after the other; what is there stays where that fails, or `check` refuses it. */
  reload(check: (next: T) => Promise<void> = async () => {}): Promise<T> {
    const turn = this.#reloading.catch(() => {}).then(() => this.#reloadNow(check));
    this.#reloading = turn;
    return turn;
  }

  async #reloadNow(check: (next: T) => Promise<void>): Promise<T> {
    const next = await this.#load();
    try {
      await check(next);
    } catch (error) {
      await next.close();
      throw error;
    }
    const old = this.#holder;
    this.#holder = { value: next, users: 0, isRetired: false };
    this.#reloads++;
    this.#retire(old);
    return next;
  }

  /** Waits for reloads and for what is under way, then closes the model. */
  async close(): Promise<void> {
    await this.#reloading.catch(() => {});
    if (!this.#holder.isRetired) this.#retire(this.#holder);
    await Promise.all(this.#ending);
  }

  #retire(holder: Holder<T>): void {
    holder.isRetired = true;
    if (holder.users === 0) this.#end(holder);
  }

  #end(holder: Holder<T>): void {
    const ending = holder.value.close();
    this.#ending.push(ending);
    const forget = () => {
      this.#ending = this.#ending.filter((one) => one !== ending);
    };
    ending.then(forget, forget);
  }
}
