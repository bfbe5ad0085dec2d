/** Optimizers and learning-rate schedules, with torch.optim's names. */
export type { HookHandle, HookOptions } from './base/hooks.ts';
export {
  type LoadStateDictPostHook,
  type LoadStateDictPreHook,
  Optimizer,
  type StateDictPostHook,
  type StateDictPreHook,
} from './base/optimizer.ts';
export type { GroupInput, ParamGroup, ParamsInput } from './base/params.ts';
export type { OptimizerState, StateLayout, StateValue } from './base/state.ts';
export {
  type AnyOptimizer,
  type Closure,
  registerOptimizerStepPostHook,
  registerOptimizerStepPreHook,
  type StepPostHook,
  type StepPreHook,
} from './base/step-hooks.ts';
export * as lrScheduler from './lr-scheduler/index.ts';
export * from './optimizers/index.ts';
export * as swaUtils from './swa-utils/index.ts';
