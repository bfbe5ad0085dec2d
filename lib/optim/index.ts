/** Optimizers and learning-rate schedules, with torch.optim's names. */
export * as lrScheduler from './lr-scheduler.ts';
export { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.ts';
export { SGD, type SGDOptions } from './sgd.ts';
export type { OptimizerState, StateValue } from './state.ts';
