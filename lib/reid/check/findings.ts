/** What may be wrong with a checkpoint, or with how features are made of it. */
export type Fault =
  /** The file lacks weights, or some layers are as before training. */
  | 'half-loaded'
  /** No layer of batch normalisation has statistics of training. */
  | 'untouched-statistics'
  /** NaN, infinity, a negative variance, or a layer that is all zero. */
  | 'broken-weights'
  /** The file has keys that the network has no use for. */
  | 'unused-keys'
  /** Mean and deviation are taken off twice. */
  | 'normalised-twice'
  /** Mean and deviation are not taken off, or pixels are of another range. */
  | 'not-normalised'
  /** Mean and deviation of another family of networks. */
  | 'other-mean-and-std'
  /** Channels are in the order blue, green, red. */
  | 'bgr'
  /** Images of another height and width. */
  | 'size'
  /** Images were resized by another interpolation. */
  | 'interpolation'
  /** `ceil_mode` of the stem's max-pooling. */
  | 'max-pool'
  /** The stem's ReLU. */
  | 'stem-relu'
  /** The stride of stage 4. */
  | 'last-stride'
  /** Features of before the neck for those of after it, or the other way round. */
  | 'neck'
  /** The network ran in training mode: statistics of the batch. */
  | 'training-mode'
  /** Features are not of length 1. */
  | 'not-unit-length'
  /** All images have one feature. */
  | 'features-alike'
  /** The features given are neither the network's nor those of any fault that was tried. */
  | 'features-unexplained'
  /** Layers get what they did not get in training, and nothing that was tried explains it. */
  | 'unlike-training';

/** Something that is wrong. */
export interface Finding {
  readonly fault: Fault;
  /** What is wrong, in a sentence. */
  readonly message: string;
  /** How it was found: what was compared, and the numbers. */
  readonly evidence: string;
  /** What to do. */
  readonly remedy: string;
}

/** What `reid.check` found. */
export interface CheckReport {
  /** The network, as `String(reid.load(file))`; undefined where it could not be loaded. */
  readonly network: string | undefined;
  /** True where nothing was found. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  /** What was tried and is not the case, in words. */
  readonly excluded: readonly string[];
  /** What could not be told, and why. */
  readonly unclear: readonly string[];
}
