export type { Layer as ConfigLayer } from './config/check-values.ts';
export type { ConfigValues, OptionName } from './config/options.ts';
export { PRESETS, type PresetName, type TrainConfig } from './config/presets.ts';
export type { ConfigSources } from './config/resolve-config.ts';
export { configText, resolveConfig } from './config.ts';
export { TrainError, type TrainErrorCode } from './errors.ts';
export {
  type Evaluated,
  type EvaluateOptions,
  type EvaluateProgress,
  evaluate,
  type Metrics,
} from './evaluate.ts';
export { EventFile } from './logs/event-file.ts';
export { accuracy } from './metrics/accuracy.ts';
export {
  ClassificationMetrics,
  type ClassificationOptions,
  type ClassificationSummary,
  type ClassSummary,
} from './metrics/classification.ts';
export { optimizerOf, scheduleOf } from './recipe.ts';
export type { Environment, EpochRecord, RunRecord } from './report/run-folder.ts';
export { readRun, reportPage } from './report.ts';
export type {
  AnyScheduler,
  Batches,
  Callbacks,
  EpochReport,
  Figures,
  LossResult,
  StepReport,
  TrainerOptions,
} from './run/trainer-options.ts';
export { type FitOptions, type FitResult, Trainer } from './trainer.ts';
