/** Why a compiled model refused; codes never change between releases. */
export type CompiledModelErrorCode =
  /** `maxQueue` jobs wait already. */
  | 'ERR_COMPILED_QUEUE_FULL'
  /** `dispose()` was called, or the shared model is gone. */
  | 'ERR_COMPILED_DISPOSED'
  /** `close()` was called: calls made before are answered, this one came after. */
  | 'ERR_COMPILED_CLOSED'
  /** The weights as they were before packing are not kept, so there is nothing to save. */
  | 'ERR_COMPILED_NO_WEIGHTS'
  /** Models on this device cannot do it. */
  | 'ERR_COMPILED_UNSUPPORTED'
  /** A file could not be read or written. */
  | 'ERR_COMPILED_FILE'
  /** A file is damaged, or is no compiled model. */
  | 'ERR_COMPILED_CORRUPT'
  /** A file of another version. */
  | 'ERR_COMPILED_VERSION';

/** A compiled model could not do what was asked. `path` is the file at fault. */
export class CompiledModelError extends Error {
  override readonly name = 'CompiledModelError';
  readonly code: CompiledModelErrorCode;
  readonly path: string | undefined;

  constructor(message: string, options: { code: CompiledModelErrorCode; path?: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.path = options.path;
  }
}

/** The error of every use after `dispose()`. */
export function disposedError(): CompiledModelError {
  return new CompiledModelError('The compiled model was disposed; compile or load it again', {
    code: 'ERR_COMPILED_DISPOSED',
  });
}

/** The error of calls after `close()`. */
export function closedError(): CompiledModelError {
  return new CompiledModelError(
    'The compiled model was closed and takes no more calls; call the model in its place',
    {
      code: 'ERR_COMPILED_CLOSED',
    },
  );
}

/** The error of a call that finds `waiting` others in the queue, which is full. */
export function queueFullError(waiting: number): CompiledModelError {
  return new CompiledModelError(
    `Expected room in the queue for run, got ${waiting} jobs waiting; await earlier runs, or raise maxQueue`,
    { code: 'ERR_COMPILED_QUEUE_FULL' },
  );
}
