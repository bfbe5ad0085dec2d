interface Named {
  test: string;
  reason?: string;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export function summary(
  root: string,
  told: string,
  unfit: { file: string; reason: string }[],
): Counts & {
  files: number;
  cuda: Counts;
  brokenFiles: { file: string; errors: string[] }[];
  failures: Named[];
  skippedTests: Named[];
  /** Files with a failure, and those that did not end. */
  unwell: string[];
  notRun: { file: string; reason: string }[];
};
