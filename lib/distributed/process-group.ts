import { TorchError } from '../errors.ts';
import { OpaqueValue, unwrap } from '../ops/index.ts';
import { keep } from '../tensor/index.ts';
import { type Handle, native } from './native.ts';

/** What a process group is, as `newGroup` and `initProcessGroup` make it. */
export interface GroupPlace {
  /** This process in the group. */
  readonly rank: number;
  /** Ranks in the default group, by rank of this one. */
  readonly ranks: readonly number[];
  readonly backend: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly name: string;
}

/** Processes that communicate, as torch.distributed's `ProcessGroup`. `newGroup` and `initProcessGroup` make them. */
export class ProcessGroup {
  readonly backend: string;
  /** Milliseconds that a collective may take. */
  readonly timeout: number;
  /** Ranks in the default group, by rank of this one. */
  readonly ranks: readonly number[];
  readonly name: string;
  readonly #rank: number;
  readonly #value: OpaqueValue;
  #busy: string | undefined;

  /** @internal */
  constructor(handle: Handle, place: GroupPlace) {
    this.#value = keep(new OpaqueValue(handle));
    this.#rank = place.rank;
    this.ranks = place.ranks;
    this.backend = place.backend;
    this.timeout = place.timeout;
    this.name = place.name;
  }

  /** @internal */
  get handle(): Handle {
    return unwrap(this.#value);
  }

  /** This process's rank in the group. */
  rank(): number {
    return this.#rank;
  }

  /** How many processes are in the group. */
  size(): number {
    return this.ranks.length;
  }

  /**
   * Runs a call of several collectives, during which no other may be begun: which came first would differ between ranks.
   *
   * @internal
   */
  async exclusively<T>(name: string, run: () => Promise<T>): Promise<T> {
    this.checkFree(name);
    this.#busy = name;
    try {
      return await run();
    } finally {
      this.#busy = undefined;
    }
  }

  /** @internal */
  checkFree(name: string): void {
    if (this.#busy === undefined) return;
    throw new TorchError(
      `${name}: ${this.#busy} is under way on the process group. Await it first: it is made of several collectives, and all ` +
        'ranks must begin theirs in one order',
      { code: 'ERR_DISTRIBUTED_BUSY' },
    );
  }

  /** @internal */
  async close(): Promise<void> {
    await native.closeGroup(this.handle);
  }

  toString(): string {
    return `ProcessGroup(${this.backend}, rank ${this.#rank} of ${this.size()})`;
  }
}
