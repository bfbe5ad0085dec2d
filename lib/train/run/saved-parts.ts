import { messageOf } from '../../errors.ts';
import { describeValue } from '../../options.ts';
import { TrainError } from '../errors.ts';

/** The parts of a saved run. */
export class SavedParts {
  readonly path: string;
  readonly #saved: ReadonlyMap<string, unknown>;
  readonly #warn: (message: string) => void;

  constructor(path: string, saved: ReadonlyMap<string, unknown>, warn: (message: string) => void) {
    this.path = path;
    this.#saved = saved;
    this.#warn = warn;
  }

  required(key: string, restore: (state: unknown) => unknown): void {
    if (!this.#saved.has(key) && key !== 'state_dict') throw this.failure(key, 'it is not there');
    this.#try(key, restore);
  }

  /** Of no use where this run has no such `part`. */
  wanted(key: string, part: unknown, restore: (state: unknown) => unknown): void {
    if (part === undefined) return;
    if (this.#saved.has(key)) this.#try(key, restore);
    else if (key !== 'scheduler') this.#warn(`${this.path} has no ${key}: that part of the run begins anew`);
  }

  #try(key: string, restore: (state: unknown) => unknown): void {
    try {
      restore(this.#saved.get(key));
    } catch (error) {
      throw this.failure(key, messageOf(error), error);
    }
  }

  failure(key: string, reason: string, cause?: unknown): TrainError {
    return new TrainError(
      `Expected a checkpoint of this run, got ${this.path}, whose "${key}" does not fit: ${reason}`,
      {
        code: 'ERR_TRAIN_RESUME',
        path: this.path,
        cause,
      },
    );
  }
}

export function resumeError(message: string, path: string): TrainError {
  return new TrainError(message, { code: 'ERR_TRAIN_RESUME', path });
}

export function tooFar(epoch: number, epochs: number, path: string): TrainError {
  return resumeError(
    `Expected a run of at most ${epochs} epochs to go on from, got ${epoch} in ${path}; ask for more epochs`,
    path,
  );
}

/** What a file has, by name. */
export function entriesOf(saved: unknown, path: string): Map<string, unknown> {
  const map = mapOf(saved);
  if (map.size > 0) return map;
  throw new TrainError(`Expected a checkpoint of training, got ${describeValue(saved)} in ${path}`, {
    code: 'ERR_TRAIN_RESUME',
    path,
  });
}

export function mapOf(value: unknown): Map<string, unknown> {
  if (value instanceof Map) return value;
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  return new Map(isRecord ? Object.entries(value) : []);
}

export function whole(value: unknown, key: string, path: string): number {
  const count = Number(value);
  if (Number.isInteger(count) && count >= 0) return count;
  throw new TrainError(`Expected a whole number for "${key}" of ${path}, got ${describeValue(value)}`, {
    code: 'ERR_TRAIN_RESUME',
    path,
  });
}
