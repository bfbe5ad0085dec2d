import type { Tensor } from '../../tensor/index.ts';
import { disposedError, queueFullError } from '../compiled-error.ts';

/** A call that the device has. */
export interface Started {
  outputs: Promise<Tensor[]>;
  /** Resolves, and never rejects, when the device has done it. */
  done: Promise<void>;
}

/** A call that waits. */
export interface Job {
  start(): Started;
  /** Frees what it holds, in the place of `start`. */
  discard(): void;
}

interface Entry {
  job: Job;
  resolve(outputs: Tensor[]): void;
  reject(reason: unknown): void;
  /** Stops listening to the signal. */
  forget(): void;
  /** Its promise was rejected; what comes of it is nobody's. */
  gone: boolean;
}

/**
 * Calls in order: some are given to the device at once, so that it never waits for the next, the others wait here,
 * where they can be aborted.
 */
export class RunQueue {
  readonly #depth: number;
  readonly #maxQueue: number;
  #waiting: Entry[] = [];
  readonly #running = new Set<Entry>();
  #whenIdle: (() => void) | undefined;

  constructor(depth: number, maxQueue: number) {
    this.#depth = depth;
    this.#maxQueue = maxQueue;
  }

  /** Calls that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @throws CompiledModelError `ERR_COMPILED_QUEUE_FULL`. */
  checkRoom(): void {
    if (this.#waiting.length >= this.#maxQueue) throw queueFullError(this.#waiting.length);
  }

  /** Starts the job when its turn comes. Rejects at once when `signal` aborts. */
  add(job: Job, signal?: AbortSignal): Promise<Tensor[]> {
    return new Promise((resolve, reject) => {
      const entry: Entry = { job, resolve, reject, forget: () => {}, gone: false };
      if (signal !== undefined) {
        const abort = () => this.#abort(entry, signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        entry.forget = () => signal.removeEventListener('abort', abort);
      }
      this.#waiting.push(entry);
      this.#next();
    });
  }

  /** Rejects all calls, and calls `whenIdle` once the device has none of them. */
  dispose(whenIdle: () => void): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const entry of waiting) entry.job.discard();
    for (const entry of [...waiting, ...this.#running]) refuse(entry, disposedError());
    this.#whenIdle = whenIdle;
    this.#next();
  }

  #next(): void {
    while (this.#running.size < this.#depth) {
      const entry = this.#waiting.shift();
      if (entry === undefined) break;
      this.#start(entry);
    }
    if (this.#running.size > 0) return;
    this.#whenIdle?.();
    this.#whenIdle = undefined;
  }

  #start(entry: Entry): void {
    let started: Started;
    try {
      started = entry.job.start();
    } catch (error) {
      refuse(entry, error);
      return;
    }
    this.#running.add(entry);
    started.outputs.then(
      (outputs) => settle(entry, outputs),
      (error) => refuse(entry, error),
    );
    void started.done.then(() => {
      this.#running.delete(entry);
      this.#next();
    });
  }

  #abort(entry: Entry, reason: unknown): void {
    const index = this.#waiting.indexOf(entry);
    if (index >= 0) {
      this.#waiting.splice(index, 1);
      entry.job.discard();
    }
    refuse(entry, reason);
  }
}

function settle(entry: Entry, outputs: Tensor[]): void {
  entry.forget();
  if (entry.gone) for (const output of outputs) output.dispose();
  else entry.resolve(outputs);
}

function refuse(entry: Entry, reason: unknown): void {
  entry.forget();
  entry.gone = true;
  entry.reject(reason);
}
