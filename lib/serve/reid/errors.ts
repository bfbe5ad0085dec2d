import { GalleryError } from '../../reid/gallery/index.ts';
import { badRequest, RequestError } from '../request-error.ts';

/** Waits for a gallery's work; what it says of wrong values is the caller's to know. */
export async function inOurWords<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asRequestError(error);
  }
}

function asRequestError(error: unknown): unknown {
  if (error instanceof GalleryError && error.code === 'ERR_GALLERY_ENTRY') {
    const status = error.message.includes('a new id') ? 409 : 404;
    return new RequestError(status, error.code, error.message);
  }
  const isOurs =
    (error instanceof RangeError || error instanceof TypeError) && error.message.startsWith('Expected ');
  return isOurs ? badRequest(error.message) : error;
}
