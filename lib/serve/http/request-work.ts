import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServeSettings } from '../options.ts';
import { badRequest, RequestError } from '../request-error.ts';
import type { Admission } from '../work/admission.ts';
import { Task } from '../work/task.ts';

/** The tasks of requests that compute. */
export class RequestWork {
  readonly #tasks = new WeakMap<FastifyRequest, Task>();
  readonly #admission: Admission;
  readonly #settings: ServeSettings;

  constructor(admission: Admission, settings: ServeSettings) {
    this.#admission = admission;
    this.#settings = settings;
  }

  /** Before the body is read, so that what is refused costs nothing. */
  readonly admit = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    this.#checkLength(request);
    const timeoutMs = this.#timeoutOf(request);
    const task = new Task(this.#admission.admit(1), timeoutMs);
    this.#tasks.set(request, task);
    reply.raw.once('close', () => task.end(reply.raw.writableFinished));
  };

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
