/** What `fn` throws. */
export function errorOf(fn: () => unknown): Error & { code?: string; op?: string } {
  try {
    fn();
  } catch (error) {
    return error as Error;
  }
  throw new Error('Expected an error, got none');
}

/** Class and message of what `fn` throws, for snapshots. */
export function message(fn: () => unknown): string {
  const error = errorOf(fn);
  return `${error.name}: ${error.message}`;
}
