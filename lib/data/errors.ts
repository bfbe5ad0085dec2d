/** An image could not be read. `path` is its file. Codes: `ERR_IMAGE_NOT_FOUND`, `ERR_IMAGE_DECODE` (damaged, empty or unreadable),
 * `ERR_IMAGE_UNSUPPORTED` (of a kind that is not read), `ERR_IMAGE_TOO_LARGE`. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly code: string;
  readonly path: string | undefined;
  constructor(message: string, options: { code: string; path?: string | undefined; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.path = options.path;
  }
}

/** A data set is missing, incomplete or damaged. `path` is the file or folder at fault. */
export class DatasetError extends Error {
  override readonly name = 'DatasetError';
  readonly code: string;
  readonly path: string;
  constructor(message: string, options: { code: string; path: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.path = options.path;
  }
}
