import { HubError } from '../errors.ts';

/** What the command line calls an option that an error of the library advises. */
const FLAGS: readonly (readonly [advice: RegExp, flag: string])[] = [
  [/\{ stripPrefix: '([^']*)' \}/g, '--strip-prefix $1'],
  [/\{ splitNorms: true \}/g, '--split-norms'],
  [/\{ strict: false \}/g, '--no-strict'],
  [/, or pass \{ offline: false \}/g, ''],
  [/build models\.(\w+)\([^)]*\)/g, 'pass --model $1'],
];

/** Throws an error again, with advice that can be followed on the command line. */
export function adviseInFlags(error: unknown): never {
  if (error instanceof Error) {
    error.message = FLAGS.reduce((text, [advice, flag]) => text.replace(advice, flag), error.message);
    // Published weights that cannot be had: a file at hand does as well.
    if (error instanceof HubError && error.message.includes('\nPossible solutions:\n')) {
      error.message += '\n- Give weights of your own: --checkpoint FILE';
    }
  }
  throw error;
}
