import { pathOf, writeAtomically } from '../atomic-file.ts';
import { checkOptions, checkPositions, describeValue } from '../options.ts';
import { isTensor } from '../tensor/index.ts';
import { fileOrigin, writeFailure } from './errors.ts';
import { prepareSafetensors } from './safetensors/writer.ts';
import { NativeTensorSource } from './storage/native-tensor-source.ts';
import type { TensorSource } from './storage/tensor-source.ts';
import { prepareCheckpoint } from './torch-file/zip-checkpoint-writer.ts';

type Write = (sink: (bytes: Uint8Array) => void) => void;

/** How `saveSafetensors` writes a file. */
export interface SafetensorsOptions {
  /** Texts to carry beside the tensors. Default `{ format: 'pt' }`, which Hugging Face's libraries ask for. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a checkpoint in PyTorch's zip format, so that `torch.load(path, weights_only=True)` reads it; or in the
 * safetensors format where the path ends in `.safetensors` (see `checkpoint.saveSafetensors`).
 *
 * Tensors keep dtype, strides, `requiresGrad` and device, and those that share memory share it in the file. A Map
 * becomes an OrderedDict (with its `_metadata`), a plain object a dict, an array a list, a frozen array a tuple, a
 * Set a set, a Uint8Array bytes, null None, a whole number or bigint an int, any other number a float. A tensor's
 * whole storage is written, as by `torch.save`: `clone()` a small view of a large tensor first.
 *
 * The file appears complete or not at all: a temporary file beside it is written, synced and renamed.
 *
 * @throws TypeError for anything else (functions, class instances, undefined), naming where it is.
 * @throws CheckpointError `ERR_CHECKPOINT_WRITE` when the file cannot be written.
 * @example
 * save({ epoch: 3, state_dict: model.stateDict() }, 'checkpoint.pth');
 */
export function save(value: unknown, path: string | URL): void {
  checkPositions('save', arguments, 2);
  const target = pathOf(path, 'save');
  const isSafetensors = target.endsWith('.safetensors');
  writeFile(target, (source) =>
    isSafetensors
      ? prepareSafetensors(entriesOf(value, 'save'), { format: 'pt' }, source)
      : prepareCheckpoint(value, source),
  );
}

/**
 * Writes a state dict in the safetensors format: tensors by name and texts, nothing else.
 *
 * Each tensor is written by itself and row by row: strides, sharing, `requiresGrad` and devices are lost. What is
 * in the file already or complete appears at the path, as with `save`.
 *
 * @param tensors A Map or plain object of tensors.
 * @throws TypeError for anything but tensors, and for dtypes without a name in the format (complex128, complex32).
 * @throws CheckpointError `ERR_CHECKPOINT_WRITE` when the file cannot be written.
 * @example
 * checkpoint.saveSafetensors(model.stateDict(), 'weights', { metadata: { epoch: '3' } });
 */
export function saveSafetensors(
  tensors: ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>,
  path: string | URL,
  options: SafetensorsOptions = {},
): void {
  checkPositions('saveSafetensors', arguments, 3);
  checkOptions('saveSafetensors', options, ['metadata']);
  const entries = entriesOf(tensors, 'saveSafetensors');
  const { metadata = { format: 'pt' } } = options;
  checkTextsByName(metadata);
  writeFile(pathOf(path, 'saveSafetensors'), (source) => prepareSafetensors(entries, metadata, source));
}

function checkTextsByName(metadata: unknown): void {
  const isObject = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
  const wrong = isObject ? Object.values(metadata).find((text) => typeof text !== 'string') : metadata;
  if (isObject && wrong === undefined) return;
  throw new TypeError(
    `Expected texts by name for saveSafetensors metadata, such as { epoch: '3' }, got ${describeValue(wrong)}`,
  );
}

function entriesOf(value: unknown, owner: string): Iterable<readonly [string, unknown]> {
  if (value instanceof Map) return value as ReadonlyMap<string, unknown>;
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value) && !isTensor(value);
  if (isObject) return Object.entries(value);
  const got = isTensor(value) ? 'a tensor' : Array.isArray(value) ? 'an array' : String(value).slice(0, 40);
  throw new TypeError(`Expected a Map or object of tensors for ${owner} to a .safetensors file, got ${got}`);
}

function writeFile(path: string, prepare: (source: TensorSource) => Write): void {
  const source = new NativeTensorSource();
  try {
    commit(path, prepare(source));
  } finally {
    source.close();
  }
}

function commit(path: string, write: Write): void {
  try {
    writeAtomically(path, write);
  } catch (error) {
    throw writeFailure(fileOrigin(path), error);
  }
}
