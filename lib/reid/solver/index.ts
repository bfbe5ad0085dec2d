/** Learning rates and parameter groups of the published training. */
export { FastReIDLR, type FastReIDLROptions } from './fast-reid-lr.ts';
export { type GroupOptions, type ReIDParamGroup, strongBaselineGroups } from './param-groups.ts';
export { WarmupMultiStepLR, type WarmupMultiStepOptions } from './warmup-multi-step.ts';
