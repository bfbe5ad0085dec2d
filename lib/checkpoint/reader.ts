import type { TensorBackend } from './backend.ts';
import type { ByteSource } from './byte-source.ts';
import { unsupported } from './errors.ts';
import { detectFormat } from './format.ts';
import { readLegacyCheckpoint } from './legacy-reader.ts';
import { Materializer } from './materialize.ts';
import { type MapLocation, StorageTable } from './storage-table.ts';
import { type Description, readZipCheckpoint } from './zip-checkpoint.ts';

/** How a checkpoint is read. */
export interface ReaderOptions {
  readonly mapLocation: MapLocation;
  readonly warn: (message: string) => void;
}

/** Reads a checkpoint of any known format from bytes, making tensors with the backend. */
export function readCheckpoint(source: ByteSource, backend: TensorBackend, options: ReaderOptions): unknown {
  const { root, layout } = describe(source, options);
  const storages = new StorageTable(source, backend, layout, options.mapLocation);
  return new Materializer(source.origin, backend, storages).value(root);
}

function describe(source: ByteSource, { warn }: ReaderOptions): Description {
  const format = detectFormat(source);
  if (format === 'zip') return readZipCheckpoint(source, warn);
  if (format === 'legacy') return readLegacyCheckpoint(source, warn);
  throw unsupported(
    source.origin,
    'the file is in the safetensors format',
    'convert it in Python and write it with torch.save',
  );
}
