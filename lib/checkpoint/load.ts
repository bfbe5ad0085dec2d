import { fileURLToPath } from 'node:url';
import { checkFlags, checkOptions, checkPositions, describeValue } from '../options.ts';
import { BufferSource, type ByteSource, FileSource } from './byte-source.ts';
import { changedMeanwhile } from './errors.ts';
import { findStateDict } from './objects/state-dict.ts';
import { type ReaderOptions, readCheckpoint } from './reader.ts';
import { NativeBackend } from './storage/native-backend.ts';
import { PlannedBackend, Realizer } from './storage/planned-backend.ts';
import type { MapLocation } from './storage/storage-table.ts';

export const LOAD_OPTIONS = ['mapLocation', 'mmap', 'unknown'];

/** How `load` reads a file. */
export interface LoadOptions {
  /**
   * The device for the tensors, or a function from the device they were saved on to the one they go to. Default
   * `'cpu'`, also for tensors saved on a GPU; `torch.load` would look for that GPU.
   */
  mapLocation?: MapLocation;
  /**
   * Map the file into memory instead of reading it, so that numbers are read when they are used and writing to a tensor
   * copies its page. Default false, as in PyTorch: tensors own their memory and the file may change or go. A mapped
   * file must not be overwritten or truncated in place, which `torch.save` does and `save` does not: the process would
   * be killed by SIGBUS or compute with other numbers.
   */
  mmap?: boolean;
  /**
   * What becomes of objects of Python classes that are not read as data. `'describe'` (default) makes an `InertObject`
   * of each: its class, constructor arguments and state, so that everything else in the file can be had. `'refuse'`
   * throws at the first. Neither runs anything, and names that serve to do harm are refused by both.
   */
  unknown?: 'describe' | 'refuse';
}

/**
 * Reads a PyTorch checkpoint (`.pth`, `.pt`, `.pth.tar`), in the zip format or the one before PyTorch 1.6, or a
 * safetensors file, told apart by content. Nothing in the file is executed. Tensors are read into memory of their own by
 * several threads; the file may be overwritten or deleted afterwards.
 *
 * An OrderedDict becomes a Map (with PyTorch's `_metadata`, see `metadataOf`), a dict with string keys an object
 * without a prototype, any other dict a Map, a tuple a frozen array, a set a Set, None null, bytes a Uint8Array, an
 * integer a number or beyond 2^53 a bigint, torch.Size an array, a dtype or device its name, a Parameter a tensor with
 * `requiresGrad`, an object of any other class an `InertObject` (see `unknown`). A safetensors file is a Map. `T` is what you expect in
 * the file; it is not checked. Without it TypeScript takes what the place expects (`model.loadStateDict(load(file))`), else
 * `unknown`.
 *
 * To get the weights into a module, `checkpoint.loadInto(model, file)` is the shortest and fastest way.
 *
 * @param file A path, a file URL, or the file's bytes.
 * @throws CheckpointError `ERR_CHECKPOINT_READ` (no such file, or it changed while it was read), `ERR_CHECKPOINT_CORRUPT`,
 * `ERR_CHECKPOINT_BLOCKED_GLOBAL`, `ERR_CHECKPOINT_UNSUPPORTED` (with what to do instead), `ERR_CHECKPOINT_LIMIT`.
 * @example
 * const stateDict = load<Map<string, Tensor>>('resnet50_ibn_a.pth');
 * stateDict.get('conv1.weight')?.shape; // [64, 3, 7, 7]
 */
export function load<T = unknown>(file: string | URL | Uint8Array, options: LoadOptions = {}): T {
  checkPositions('load', arguments, 2);
  checkOptions('load', options, LOAD_OPTIONS);
  return withSource(file, options, (source, backend, settings) =>
    readCheckpoint(source, backend, settings),
  ) as T;
}

/**
 * The entries of the state dict in a file, as `findStateDict` finds it, tensors and what else there is. Numbers of
 * tensors beside it are not read.
 */
export function loadStateEntries(
  file: string | URL | Uint8Array,
  options: LoadOptions,
): Map<string, unknown> {
  return withSource(file, options, (source, backend, settings) => {
    const { entries } = findStateDict(readCheckpoint(source, new PlannedBackend(), settings));
    const realizer = new Realizer(backend);
    realizer.expect(entries.values());
    for (const [key, value] of entries) entries.set(key, realizer.value(value));
    return entries;
  });
}

type Work<T> = (source: ByteSource, backend: NativeBackend, settings: ReaderOptions) => T;

function withSource<T>(file: string | URL | Uint8Array, options: LoadOptions, work: Work<T>): T {
  const settings = settingsOf(options);
  const path = file instanceof Uint8Array ? undefined : pathOf(file);
  const source = path === undefined ? new BufferSource(file as Uint8Array) : new FileSource(path);
  const backend = new NativeBackend(source, options.mmap ? path : undefined);
  const { name } = source.origin;
  const warn = (message: string) =>
    process.emitWarning(`${name}: ${message}`, { code: 'IBN_CHECKPOINT_LEFT_OUT' });
  try {
    return unchanged(source, () => work(source, backend, { ...settings, warn }));
  } finally {
    backend.close();
    source.close();
  }
}

/** What is read while somebody writes the file is neither the old one nor the new one. */
function unchanged<T>(source: ByteSource, work: () => T): T {
  let value: T;
  try {
    value = work();
  } catch (error) {
    throw source.hasChanged?.() ? changedMeanwhile(source.origin, error) : error;
  }
  if (source.hasChanged?.()) throw changedMeanwhile(source.origin);
  return value;
}

function settingsOf({
  mapLocation = 'cpu',
  mmap,
  unknown = 'describe',
}: LoadOptions): Omit<ReaderOptions, 'warn'> {
  checkFlags('load', { mmap });
  if (typeof mapLocation !== 'string' && typeof mapLocation !== 'function') {
    throw new TypeError(
      `Expected a device or a function for load option mapLocation, got ${describeValue(mapLocation)}`,
    );
  }
  if (unknown === 'describe' || unknown === 'refuse') return { mapLocation, unknown };
  const got = typeof unknown === 'string' ? `"${unknown}"` : typeof unknown;
  throw new RangeError(`Expected 'describe' or 'refuse' for load option unknown, got ${got}`);
}

function pathOf(file: string | URL): string {
  if (typeof file === 'string') return file;
  if (file instanceof URL) return fileURLToPath(file);
  throw new TypeError(`Expected a path, URL or Uint8Array for load, got ${typeof file}`);
}
