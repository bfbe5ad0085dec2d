export {
  type Evaluated,
  type EvaluateOptions,
  type EvaluateProgress,
  evaluate,
  type Metrics,
} from './evaluate.ts';
export { accuracy } from './metrics/accuracy.ts';
export {
  ClassificationMetrics,
  type ClassificationOptions,
  type ClassificationSummary,
  type ClassSummary,
} from './metrics/classification.ts';
