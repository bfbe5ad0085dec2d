export {
  type Calibration,
  type CalibrationData,
  type CalibrationOptions,
  type CameraPairThreshold,
  calibrateThreshold,
  type ThresholdFigures,
} from './calibrate.ts';
export type { Drift } from './drift.ts';
export type { EntryFacts, Feature, NewEntry } from './entry.ts';
export { GalleryError, type GalleryErrorCode } from './errors.ts';
export type { GalleryFilter } from './filter.ts';
export {
  Gallery,
  type GalleryMatch,
  type GalleryOptions,
  type GalleryResult,
  type SearchOptions,
} from './gallery.ts';
