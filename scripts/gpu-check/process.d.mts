export interface Outcome {
  state: 'passed' | 'failed' | 'timeout';
  reason?: string;
  seconds: number;
  /** The last ones. */
  lines: string[];
}

export function runLimited(
  command: string,
  args: string[],
  options: { log: string; limit: number; env?: NodeJS.ProcessEnv; cwd?: string },
): Promise<Outcome>;
