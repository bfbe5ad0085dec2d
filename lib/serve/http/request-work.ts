import { setTimeout } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Admission, Ticket } from '../jobs/admission.ts';
import { Task } from '../jobs/task.ts';
import type { ServeSettings } from '../options.ts';
import { badRequest, RequestError } from '../request-error.ts';

const REFUSAL_MS = 250;
/** Refusals that wait at a time; more are told at once. */
const MOST_REFUSALS = 10_000;

/** The tasks of requests that compute. */
export class RequestWork {
  readonly #tasks = new WeakMap<FastifyRequest, Task>();
  readonly #admission: Admission;
  readonly #settings: ServeSettings;
  #refusals = 0;

  constructor(admission: Admission, settings: ServeSettings) {
    this.#admission = admission;
    this.#settings = settings;
  }

  /** Before the body is read, so that what is refused costs nothing. */
  readonly admit = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    this.#checkLength(request);
    const timeoutMs = this.#timeoutOf(request);
    const task = new Task(await this.#room(), timeoutMs);
    this.#tasks.set(request, task);
    reply.raw.once('close', () => task.end(reply.raw.writableFinished));
  };

  /** Callers who ask again at once would take the processor from those who are served: a refusal takes a moment. */
  async #room(): Promise<Ticket> {
    try {
      return this.#admission.admit(1);
    } catch (refusal) {
      if (this.#refusals < MOST_REFUSALS) await this.#moment();
      throw refusal;
    }
  }

  async #moment(): Promise<void> {
    this.#refusals++;
    await setTimeout(REFUSAL_MS);
    this.#refusals--;
  }

  of(request: FastifyRequest): Task {
    return this.#tasks.get(request) as Task;
  }

  #checkLength({ headers }: FastifyRequest): void {
    const { bodyBytes } = this.#settings.limits;
    if (!(Number(headers['content-length']) > bodyBytes)) return;
    throw new RequestError(
      413,
      'ERR_BODY_TOO_LARGE',
      `Expected at most ${bodyBytes} bytes, got ${headers['content-length']}; send a smaller image, or fewer`,
    );
  }

  #timeoutOf({ headers }: FastifyRequest): number {
    const { timeoutMs } = this.#settings;
    const asked = headers['x-timeout-ms'];
    if (asked === undefined) return timeoutMs;
    const value = Number(asked);
    if (Number.isInteger(value) && value >= 1) return Math.min(value, timeoutMs);
    throw badRequest(`Expected a whole number of milliseconds from 1 for x-timeout-ms, got "${asked}"`);
  }
}
