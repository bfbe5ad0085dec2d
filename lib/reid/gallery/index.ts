export {
  type Calibration,
  type CalibrationData,
  type CalibrationOptions,
  type CameraPairThreshold,
  calibrateThreshold,
  type ThresholdFigures,
} from './calibration/calibrate.ts';
export type { Drift } from './calibration/drift.ts';
export type { EntryFacts, FactsChange, Feature, NewEntry } from './entry.ts';
export { GalleryError, type GalleryErrorCode } from './errors.ts';
export type { GalleryFilter } from './filter.ts';
export { Gallery } from './gallery.ts';
export type {
  GalleryMatch,
  GalleryOptions,
  GalleryResult,
  ListedEntry,
  ListOptions,
  SearchOptions,
} from './gallery-types.ts';
