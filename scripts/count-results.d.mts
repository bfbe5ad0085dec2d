/** What a step of .ci/run came to. */
export interface Step {
  name: string;
  status: number;
  passed: number;
  failed: number;
  skipped: number;
}
export function countResults(folder: string): Step[];
export function verdict(steps: readonly Step[]): { lines: string[]; isWell: boolean };
