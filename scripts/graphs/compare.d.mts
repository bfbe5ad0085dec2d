/** What a random network came to. */
export interface Outcome {
  /** The message of the CompileError. */
  refused?: string;
  /** What is different, or was thrown. */
  failure?: string;
  /** The network's steps, of a failure. */
  text?: string;
}
/** Of the largest value. */
export const TOLERANCE: number;
/** Compiles the random network of a seed and runs it beside eager mode. `torch` is the package's namespace. */
export function compareWithEager(torch: object, seed: number): Promise<Outcome>;
