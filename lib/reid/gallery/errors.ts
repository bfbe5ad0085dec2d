export type GalleryErrorCode =
  | 'ERR_GALLERY_STORE_MISSING'
  | 'ERR_GALLERY_OPEN'
  | 'ERR_GALLERY_DAMAGED'
  | 'ERR_GALLERY_ENTRY'
  | 'ERR_GALLERY_CLOSED';

/** A gallery cannot do what it was asked for. Nothing was changed. */
export class GalleryError extends Error {
  override readonly name: string = 'GalleryError';
  readonly code: GalleryErrorCode;

  constructor(message: string, options: { code: GalleryErrorCode; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
  }
}
