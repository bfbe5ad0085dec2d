import { plainWords } from './plain-words.ts';

/**
 * The package's error classes. Messages follow one grammar, "Expected <what> for <name>, got <value>", and
 * end with what to do. Codes never change between releases.
 */

/**
 * Anything libtorch throws. `op` is the operator's schema name; `cause` carries libtorch's full text, with its C++ frames
 * where the environment has `TORCH_SHOW_CPP_STACKTRACES=1` (9 ms for each error).
 */
export class TorchError extends Error {
  override readonly name: string = 'TorchError';
  readonly code: string;
  readonly op: string | undefined;
  constructor(message: string, options: { code?: string; op?: string; cause?: unknown } = {}) {
    super(plainWords(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code ?? 'ERR_TORCH';
    this.op = options.op;
  }
}

/** What an error says; whatever else was thrown, as text. */
export const messageOf = (error: unknown): string => errorOf(error).message;

/** What was thrown, as an error if it is none. */
export const errorOf = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));

/** What the allocator of a CUDA device had when memory ran out; all in bytes. */
export interface CudaMemoryFigures {
  /** The device's number. */
  device?: number;
  /** Asked for by the op that failed. */
  requestedBytes?: number;
  /** Alive in tensors. */
  allocatedBytes?: number;
  /** Held by libtorch's allocator, those in tensors included. */
  reservedBytes?: number;
  /** Left on the device, other processes' memory taken off. */
  freeBytes?: number;
  /** The device's whole memory. */
  totalBytes?: number;
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB'];

/** The size in libtorch's message, which it rounds to hundredths of a unit. */
function requestedIn(message: string): number | undefined {
  const [, size, unit] = /Tried to allocate ([\d.]+) (bytes|KiB|MiB|GiB)/.exec(message) ?? [];
  return size === undefined ? undefined : Number(size) * 1024 ** UNITS.indexOf(unit as string);
}

function deviceIn(message: string): number | undefined {
  const [, device] = /GPU (\d+)/.exec(message) ?? [];
  return device === undefined ? undefined : Number(device);
}

/**
 * A CUDA device has no memory left for an op; nothing was changed by it. The code is `ERR_CUDA_OUT_OF_MEMORY`. What
 * JavaScript no longer reaches has been freed by then, so a smaller batch can be tried at once.
 *
 * @example
 * try {
 *   step(batch);
 * } catch (error) {
 *   if (!(error instanceof CudaOutOfMemoryError)) throw error;
 *   for (const half of batch.chunk(2)) step(half);
 * }
 */
export class CudaOutOfMemoryError extends TorchError {
  override readonly name = 'CudaOutOfMemoryError';
  readonly device: number | undefined;
  readonly requestedBytes: number | undefined;
  readonly allocatedBytes: number | undefined;
  readonly reservedBytes: number | undefined;
  readonly freeBytes: number | undefined;
  readonly totalBytes: number | undefined;
  constructor(message: string, options: { op?: string; cause?: unknown } & CudaMemoryFigures = {}) {
    super(message, { ...options, code: 'ERR_CUDA_OUT_OF_MEMORY' });
    this.device = options.device ?? deviceIn(message);
    this.requestedBytes = options.requestedBytes ?? requestedIn(message);
    this.allocatedBytes = options.allocatedBytes;
    this.reservedBytes = options.reservedBytes;
    this.freeBytes = options.freeBytes;
    this.totalBytes = options.totalBytes;
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
