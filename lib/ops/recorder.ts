import type { ParsedSchema } from './schema.ts';

/** Told of each op after it ran: `args` in schema order, undefined for defaults that were not given. */
export type Recorder = (schema: ParsedSchema, args: readonly unknown[], result: unknown) => void;

/** What is told of every op call, or null. Read at each call, so nothing else may be behind it. */
export let recorder: Recorder | null = null;

/**
 * Runs `fn` with `next` in the recorder's place; null stops the recording, for ops that a recorder calls itself.
 *
 * @example
 * const names: string[] = [];
 * withRecorder((schema) => names.push(schema.name), () => model.forward(x));
 */
export function withRecorder<T>(next: Recorder | null, fn: () => T): T {
  const before = recorder;
  recorder = next;
  try {
    return fn();
  } finally {
    recorder = before;
  }
}
