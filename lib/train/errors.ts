export type TrainErrorCode =
  | 'ERR_TRAIN_NON_FINITE'
  | 'ERR_TRAIN_RESUME'
  | 'ERR_TRAIN_SAVE'
  | 'ERR_TRAIN_EMPTY';

/** What ends a training run. The last checkpoint is as it was. */
export class TrainError extends Error {
  override readonly name: string = 'TrainError';
  readonly code: TrainErrorCode;
  /** The checkpoint that it is about, or from which the run can go on. */
  readonly path: string | undefined;

  constructor(
    message: string,
    options: { code: TrainErrorCode; path?: string | undefined; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.path = options.path;
  }
}
