import { fileURLToPath } from 'node:url';
import { writeAtomically } from './atomic-file.ts';
import { fileOrigin, writeFailure } from './errors.ts';
import { NativeInspector } from './native-inspector.ts';
import { prepareCheckpoint } from './writer.ts';

/**
 * Writes a checkpoint in PyTorch's zip format, so that `torch.load(path, weights_only=True)` reads it.
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
  const target = path instanceof URL ? fileURLToPath(path) : path;
  if (typeof target !== 'string')
    throw new TypeError(`Expected a path or URL for save, got ${typeof target}`);
  const inspector = new NativeInspector();
  try {
    const write = prepareCheckpoint(value, inspector);
    writeFile(target, write);
  } finally {
    inspector.close();
  }
}

function writeFile(path: string, write: (sink: (bytes: Uint8Array) => void) => void): void {
  try {
    writeAtomically(path, write);
  } catch (error) {
    throw writeFailure(fileOrigin(path), error);
  }
}
