import type { ClassificationSummary, ClassSummary } from '../../train/index.ts';
import type { CorruptionErrors } from './corruption-errors.ts';
import type { MatchedBy } from './labels.ts';

/** What a network made of the images under one condition. */
export interface ConditionResult {
  readonly condition: string;
  readonly summary: ClassificationSummary;
  readonly perClass: readonly ClassSummary[];
  readonly confusion: readonly (readonly number[])[];
}

/** What came out for one network. */
export interface NetworkResult {
  readonly name: string;
  readonly architecture: string;
  readonly checkpoint: string;
  readonly matchedBy: MatchedBy;
  readonly classes: readonly string[];
  readonly resize: number;
  readonly crop: number;
  readonly seconds: number;
  /** Decoding included; an image counts once for each condition. */
  readonly imagesPerSecond: number;
  /** The first is that of the images as they are. */
  readonly conditions: readonly [ConditionResult, ...ConditionResult[]];
  readonly corruptions?: CorruptionErrors;
}

/** An image that was left out. */
export interface Unreadable {
  readonly path: string;
  readonly reason: string;
}

/** What came out for all networks. */
export interface Evaluation {
  readonly data: string;
  /** Names of the folders. */
  readonly folders: readonly string[];
  readonly unreadable: readonly Unreadable[];
  readonly results: readonly NetworkResult[];
}
