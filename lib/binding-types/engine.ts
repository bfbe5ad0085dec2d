import type { Handle } from './schema.ts';

/** How an engine runs a plan. */
export interface EngineSettings {
  threads: number;
  microBatch: number;
  maxBatch: number;
  maxDelayMs: number;
  maxQueue: number;
  /** Null: the best of this processor. */
  instructionSet: string | null;
}

/** What an engine has and has done. */
export interface EngineStats {
  threads: number;
  microBatch: number;
  instructionSet: string;
  arenaBytes: number;
  weightBytes: number;
  queued: number;
  batches: number;
  images: number;
  steps: { name: string; op: string; algorithm: string; milliseconds: number }[];
  /** Of models on CUDA: batch sizes that are recorded, the last used one last. */
  graphs?: number[];
}

/** Called with each job that has ended: an error, or the outputs. */
export type Settle = (id: number, error: Error | null, outputs: Handle[] | null) => void;

/** Compiled models. */
export interface EngineBinding {
  compiledCreate(plan: unknown, settings: EngineSettings, settle: Settle): Handle;
  compiledAttach(token: string, settle: Settle): Handle | undefined;
  compiledAccount(model: Handle): void;
  compiledShare(model: Handle): string;
  compiledDescribe(model: Handle, text: string): void;
  compiledDescription(model: Handle): string;
  /** How many wait, when the queue is full. */
  compiledRun(model: Handle, id: number, inputs: Handle[] | null): number | undefined;
  compiledCancel(model: Handle, id: number): void;
  compiledStats(model: Handle): EngineStats;
  instructionSets(): string[];
}
