/**
 * The package's error classes. Messages follow one grammar, "Expected <what> for <name>, got <value>", and
 * end with what to do. Codes never change between releases.
 */

/** Anything libtorch throws. `op` is the operator's schema name; `cause` carries libtorch's full text. */
export class TorchError extends Error {
  override readonly name: string = 'TorchError';
  readonly code: string;
  readonly op: string | undefined;
  constructor(message: string, options: { code?: string; op?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code ?? 'ERR_TORCH';
    this.op = options.op;
  }
}

/** A checkpoint could not be read or written. `path` is the file, `key` the entry at fault. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  readonly code: string;
  readonly path: string | undefined;
  readonly key: string | undefined;
  constructor(message: string, options: { code: string; path?: string; key?: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.path = options.path;
    this.key = options.key;
  }
}

/** libtorch or the native module could not be found, installed or loaded. */
export class LibtorchError extends Error {
  override readonly name = 'LibtorchError';
  readonly code: string;
  constructor(message: string, options: { code: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
  }
}

/** A model or file could not be fetched. `url` and `status` say which request failed and how. */
export class HubError extends Error {
  override readonly name = 'HubError';
  readonly code: string;
  readonly url: string | undefined;
  readonly status: number | undefined;
  constructor(message: string, options: { code: string; url?: string; status?: number; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.url = options.url;
    this.status = options.status;
  }
}
