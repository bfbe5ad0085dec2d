import type { ParsedSchema } from './schema.ts';

/** Told of each op after it ran: `args` in schema order, undefined for defaults that were not given. */
export type Recorder = (schema: ParsedSchema, args: readonly unknown[], result: unknown) => void;

/** Asked before each op that is recorded: a result in its place, or undefined to run it. */
export type StandIn = (schema: ParsedSchema, args: readonly unknown[]) => unknown;

/** What is told of every op call, or null. Read at each call, so nothing else may be behind it. */
export let recorder: Recorder | null = null;
export let standIn: StandIn | null = null;

/**
 * Runs `fn` with `next` in the recorder's place; null stops the recording, for ops that a recorder calls itself.
 *
 * @example
 * const names: string[] = [];
 * withRecorder((schema) => names.push(schema.name), () => model.forward(x));
 */
export function withRecorder<T>(next: Recorder | null, fn: () => T, instead: StandIn | null = null): T {
  const before = [recorder, standIn] as const;
  [recorder, standIn] = [next, instead];
  try {
    return fn();
  } finally {
    [recorder, standIn] = before;
  }
}

/** Whether ops are being recorded: what is computed then stands for other values too, and none may be looked at. */
export const isRecording = (): boolean => recorder !== null;
