import { lstat, readFile, readlink } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ImageError } from '../errors.ts';
import { fsDecode, fsEncode } from '../fs-path.ts';

/**
 * An image file: its path or `file:` URL, its bytes (typed array, DataView, ArrayBuffer, Blob or File), or a stream of
 * its bytes such as `process.stdin` or a response's body.
 */
export type ImageSource = string | URL | ArrayBufferView | ArrayBufferLike | Blob | AsyncIterable<Uint8Array>;

/** The bytes of an image file, and its path where it has one. */
export interface ImageFile {
  readonly bytes: Uint8Array;
  /** What errors call it. */
  readonly name: string;
  readonly path: string | undefined;
}

/** Reads the whole of an image file; `name` is what errors call one that has no path. */
export async function readSource(source: ImageSource, name: string | undefined): Promise<ImageFile> {
  const path = pathOf(source);
  const called = name ?? path ?? 'image';
  const bytes =
    path === undefined
      ? await readBytes(source as Exclude<ImageSource, string | URL>)
      : await readPath(path, called);
  if (bytes.length > 0) return { bytes, name: called, path };
  throw new ImageError(`${called}: the image is empty; pass one with data`, {
    code: 'ERR_IMAGE_DECODE',
    path,
  });
}

function pathOf(source: ImageSource): string | undefined {
  if (typeof source === 'string') return source.startsWith('file://') ? fileURLToPath(source) : source;
  if (!(source instanceof URL)) return undefined;
  if (source.protocol === 'file:') return fileURLToPath(source);
  throw new RangeError(
    `Expected a file: URL for decodeImage, got ${source.href}; fetch it and pass the body`,
  );
}

async function readBytes(source: Exclude<ImageSource, string | URL>): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (source instanceof ArrayBuffer || source instanceof SharedArrayBuffer) return new Uint8Array(source);
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  if (typeof source?.[Symbol.asyncIterator] === 'function') return await readStream(source);
  throw new TypeError(
    `Expected a path, a file: URL, bytes, a Blob or a stream for decodeImage, got ${source === null ? 'null' : typeof source}`,
  );
}

async function readStream(stream: AsyncIterable<unknown>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) {
    if (!(chunk instanceof Uint8Array)) {
      throw new TypeError(
        `Expected bytes from the stream for decodeImage, got ${typeof chunk}; leave its encoding unset`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function readPath(path: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(fsEncode(path));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP') {
      const message = `${name}: ${await absence(path)}`;
      throw new ImageError(message, { code: 'ERR_IMAGE_NOT_FOUND', path, cause });
    }
    const reason = code === 'EISDIR' ? 'is a folder' : `could not be read (${code})`;
    throw new ImageError(`${name}: ${reason}; pass an image file`, { code: 'ERR_IMAGE_DECODE', path, cause });
  }
}

/** Why there is no file at `path`, and what to do. */
async function absence(path: string): Promise<string> {
  const isLink = await lstat(fsEncode(path)).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  );
  if (isLink) {
    const target = fsDecode(await readlink(fsEncode(path), { encoding: 'buffer' }));
    return `a link that leads nowhere (${target}); restore what it names or remove it`;
  }
  if (/^(https?|data):/.test(path)) return 'no file but a URL; fetch it and pass the body';
  if (path.includes('\ufffd')) {
    return 'no such file; arguments lose bytes that are not UTF-8 (shown as \ufffd): pass the folder it lies in, or its bytes';
  }
  return 'no such file; check the path';
}
