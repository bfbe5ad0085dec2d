/** Semantic segmentation: networks and checkpoints, data, losses, metrics, prediction. */
export * from './data/index.ts';
export {
  type OhemOptions,
  ohemCrossEntropy,
  type SegmentLossOptions,
  segmentLoss,
} from './losses/losses.ts';
export { type ConfusionOptions, confusion, type Labels } from './metrics/confusion.ts';
export {
  type FiguresOptions,
  figuresOf,
  type SegmentClassFigures,
  type SegmentFigures,
} from './metrics/figures.ts';
export { SegmentMetrics, type SegmentMetricsOptions } from './metrics/segment-metrics.ts';
export * from './models/index.ts';
export { colourMap, overlay } from './predict/colours.ts';
export { type PredictOptions, predict, type ScoreModel } from './predict/predict.ts';
export type { WindowSize } from './predict/windows.ts';
