import { ByteCursor } from './byte-cursor.ts';
import { BufferSource } from './byte-source.ts';
import { corrupt, type Origin } from './errors.ts';
import { Materializer } from './objects/materialize.ts';
import { PLAIN_ENVIRONMENT } from './pickle/persistent.ts';
import { pickle } from './pickle/pickler.ts';
import { unpickle } from './pickle/unpickler.ts';
import { NativeBackend } from './storage/native-backend.ts';
import { StorageTable } from './storage/storage-table.ts';
import type { TensorSource } from './storage/tensor-source.ts';

const NO_TENSORS: TensorSource = {
  tensor: () => undefined,
  elements: () => undefined,
  storage: () => undefined,
  complex: () => undefined,
};

/**
 * A plain value as a pickle that Python's `pickle.loads` reads; see `save` for what becomes of what.
 *
 * @internal
 * @throws TypeError for tensors, functions, class instances and undefined
 */
export function pickleObject(value: unknown): Uint8Array {
  return pickle(value, NO_TENSORS).bytes;
}

/**
 * The plain value in a pickle; see `load` for what becomes of what. Nothing in it is run: an object of a class is refused.
 *
 * @internal
 * @throws CheckpointError
 */
export function unpickleObject(bytes: Uint8Array, name = '<pickle>'): unknown {
  const origin: Origin = { path: name, name };
  const source = new BufferSource(bytes, origin);
  const backend = new NativeBackend(source, undefined);
  try {
    const layout = { bigEndian: false, locate: () => undefined };
    const storages = new StorageTable(source, backend, layout as never, 'cpu');
    const cursor = new ByteCursor(source);
    const value = new Materializer(origin, backend, storages, 'refuse').value(
      unpickle(cursor, PLAIN_ENVIRONMENT),
    );
    if (cursor.remaining > 0) throw corrupt(origin, `${cursor.remaining} bytes behind the object`);
    return value;
  } finally {
    backend.close();
  }
}
