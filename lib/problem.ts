import { LibtorchError } from './errors.ts';

/** Something that keeps the package from its work: one message for a person, with a code that does not change. */
export interface Problem {
  code: string;
  /** What was needed and what was found, in one line without a full stop. */
  headline: string;
  /** Further facts, a line each. */
  details?: readonly string[];
  /** What to do, a line each: `Install the CPU build: npx ibn-net install-libtorch`. */
  solutions: readonly string[];
}

/** The message of a problem: what was found, what is needed, and the commands that fix it. */
export function problemMessage({ headline, details = [], solutions }: Omit<Problem, 'code'>): string {
  const list = (lines: readonly string[]) => lines.map((line) => `\n- ${line}`).join('');
  const end = details.length > 0 ? ':' : '';
  return `${headline}${end}${list(details)}\nPossible solutions:${list(solutions)}`;
}

/** The error that reports a problem with libtorch. */
export function problemError(problem: Problem, cause?: unknown): LibtorchError {
  const { code } = problem;
  return new LibtorchError(problemMessage(problem), cause === undefined ? { code } : { code, cause });
}
