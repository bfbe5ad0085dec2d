import type { Binding } from '../binding.ts';
import { native } from '../tensor/native.ts';

export type { EngineSettings, EngineStats, Settle } from '../binding.ts';

/** The part of the native module that runs compiled plans. */
export type EngineBinding = Pick<
  Binding,
  | 'compiledCreate'
  | 'compiledAttach'
  | 'compiledAccount'
  | 'pinMemory'
  | 'compiledShare'
  | 'compiledDescribe'
  | 'compiledDescription'
  | 'compiledRun'
  | 'compiledCancel'
  | 'compiledStats'
  | 'instructionSets'
  | 'dispose'
>;

export const engine: EngineBinding = native;
