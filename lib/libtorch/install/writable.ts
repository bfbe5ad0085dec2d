import type { Problem } from '../../problem.ts';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'read-only file system',
  ENOTDIR: 'a file is in the way',
  ENOSPC: 'no space left',
  EDQUOT: 'quota exceeded',
};

/** The problem behind a failure to write below a folder of the cache; undefined for any other error. */
export function writeProblem(error: unknown, cache: string, command: string): Problem | undefined {
  const failure = writeFailure(error);
  if (failure === undefined) return undefined;
  const reason = REASONS[failure.code ?? ''] ?? failure.code;
  const full = failure.code === 'ENOSPC' || failure.code === 'EDQUOT';
  return {
    code: 'ERR_CACHE_WRITE',
    headline: `Expected ${full ? 'room in' : 'to write'} the cache folder ${cache}, got ${failure.code} (${reason})`,
    solutions: [
      `Use another folder, and set it for your program as well: export IBN_NET_CACHE=/path/to/folder && ${command}`,
    ],
  };
}

/** The error of the file system among an error and its causes. */
function writeFailure(error: unknown): NodeJS.ErrnoException | undefined {
  for (let one = error; one instanceof Error; one = one.cause) {
    const failure = one as NodeJS.ErrnoException;
    if (failure.syscall !== undefined && failure.code !== undefined && failure.code in REASONS)
      return failure;
  }
  return undefined;
}
