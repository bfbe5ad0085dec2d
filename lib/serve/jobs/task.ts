import { RequestError } from '../request-error.ts';
import type { Ticket } from './admission.ts';

/**
 * The work for one request: it has a deadline, ends with its caller, and keeps its room until all that was begun for it has
 * ended, answered or not.
 */
export class Task {
  readonly ticket: Ticket;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #running = 0;
  #isAnswered = false;

  constructor(ticket: Ticket, timeoutMs: number) {
    this.ticket = ticket;
    this.#timer = setTimeout(() => this.#controller.abort(tooLate(timeoutMs)), timeoutMs);
    // Who listens is told; nobody else need be.
    this.#controller.signal.addEventListener('abort', () => {}, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The response is out, or its caller gone. */
  end(isWhole: boolean): void {
    clearTimeout(this.#timer);
    this.#isAnswered = true;
    if (!isWhole) this.#controller.abort(gone());
    this.#releaseWhenDone();
  }

  /** Waits for work, but no longer than the deadline. The room is kept until the work itself ends. */
  async run<T>(work: Promise<T>): Promise<T> {
    this.#running++;
    const ended = () => {
      this.#running--;
      this.#releaseWhenDone();
    };
    work.then(ended, ended);
    const { signal } = this.#controller;
    return await new Promise<T>((resolve, reject) => {
      const stop = () => reject(signal.reason);
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
  }

  #releaseWhenDone(): void {
    if (this.#isAnswered && this.#running === 0) this.ticket.release();
  }
}

const tooLate = (ms: number) =>
  new RequestError(
    504,
    'ERR_DEADLINE',
    `Expected an answer within ${ms} ms, got none; try again, or allow more time`,
  );

const gone = () => new RequestError(499, 'ERR_CALLER_GONE', 'The caller closed the connection');
