import { readFileSync } from 'node:fs';

/** The package's version, from its package.json. */
export function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/**
 * Makes a command's work safe to hand to commander: a failure prints its message on standard error and sets
 * exit code 1. With `DEBUG` set the stack and the causes are printed too.
 */
export function action<Arguments extends unknown[]>(
  work: (...args: Arguments) => Promise<void>,
): (...args: Arguments) => Promise<void> {
  return async (...args) => {
    try {
      await work(...args);
    } catch (error) {
      reportFailure(error);
    }
  };
}

/** Prints one clean message and sets exit code 1. */
export function reportFailure(error: unknown): void {
  process.exitCode = 1;
  if (process.env.DEBUG) console.error(error);
  else console.error(error instanceof Error ? error.message : String(error));
}
