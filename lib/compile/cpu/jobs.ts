import type { Handle } from '../../binding.ts';
import { disposedError, queueFullError } from '../compiled-error.ts';
import { engine, type Settle } from '../native.ts';

interface Waiting {
  resolve(outputs: Handle[]): void;
  reject(reason: unknown): void;
  /** Stops listening to the signal. */
  forget(): void;
}

/** Those with jobs under way: the native function that settles them must not keep an idle model alive. */
const busy = new Set<Jobs>();

/** The jobs that one handle of an engine has under way, and the promises that wait for them. */
export class Jobs {
  readonly #handle: Handle;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #disposed = false;

  /** @param create Makes the handle; what it passes on settles the jobs. */
  constructor(create: (settle: Settle) => Handle) {
    const self = new WeakRef(this);
    this.#handle = create((id, error, outputs) => {
      const jobs = self.deref();
      if (jobs !== undefined) jobs.#settle(id, error, outputs);
    });
  }

  /** @throws CompiledModelError after `dispose()`. */
  get handle(): Handle {
    if (this.#disposed) throw disposedError();
    return this.#handle;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Queues a job; null only waits until the engine is ready. Rejects at once when `signal` aborts. */
  run(inputs: Handle[] | null, signal?: AbortSignal): Promise<Handle[]> {
    signal?.throwIfAborted();
    const id = this.#nextId++;
    const waiting = engine.compiledRun(this.handle, id, inputs);
    if (waiting !== undefined) throw queueFullError(waiting);
    busy.add(this);
    return new Promise((resolve, reject) => {
      const abort = () => this.#cancel(id, signal?.reason);
      signal?.addEventListener('abort', abort, { once: true });
      const forget = () => signal?.removeEventListener('abort', abort);
      this.#waiting.set(id, { resolve, reject, forget });
    });
  }

  /** Rejects all that waits, and lets go of the engine. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    engine.dispose(this.#handle);
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(disposedError());
  }

  #settle(id: number, error: Error | null, outputs: Handle[] | null): void {
    const waiting = this.#take(id);
    if (!this.#disposed) engine.compiledAccount(this.#handle);
    if (error === null) waiting?.resolve(outputs ?? []);
    else waiting?.reject(error);
  }

  #cancel(id: number, reason: unknown): void {
    engine.compiledCancel(this.#handle, id);
    this.#take(id)?.reject(reason);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.forget();
    if (this.#waiting.size === 0) busy.delete(this);
    return waiting;
  }
}
