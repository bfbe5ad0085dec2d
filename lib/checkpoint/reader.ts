import type { ByteSource } from './byte-source.ts';
import { detectFormat } from './format.ts';
import { attachTexts } from './metadata.ts';
import { Materializer } from './objects/materialize.ts';
import { TorchEnvironment } from './pickle/persistent.ts';
import { readSafetensors } from './safetensors/reader.ts';
import type { TensorBackend } from './storage/backend.ts';
import type { Description } from './storage/description.ts';
import { type MapLocation, StorageTable } from './storage/storage-table.ts';
import { readLegacyCheckpoint } from './torch-file/legacy-reader.ts';
import { readZipCheckpoint } from './torch-file/zip-checkpoint.ts';

/** How a checkpoint is read. */
export interface ReaderOptions {
  readonly mapLocation: MapLocation;
  readonly warn: (message: string) => void;
  /** What becomes of objects of classes that are not known. Default `'describe'`. */
  readonly unknown?: 'describe' | 'refuse';
}

/** Reads a checkpoint of any known format from bytes, making tensors with the backend. */
export function readCheckpoint(source: ByteSource, backend: TensorBackend, options: ReaderOptions): unknown {
  const { root, layout, storages: named, metadata } = describe(source, options);
  const storages = new StorageTable(source, backend, layout, options.mapLocation);
  storages.announce(named);
  const value = new Materializer(source.origin, backend, storages, options.unknown).value(root);
  return metadata === undefined ? value : attachTexts(value as Map<string, unknown>, metadata);
}

function describe(source: ByteSource, { warn, unknown = 'describe' }: ReaderOptions): Description {
  const format = detectFormat(source);
  if (format === 'safetensors') return readSafetensors(source);
  const environment = new TorchEnvironment({ unknown, warn });
  return format === 'zip'
    ? readZipCheckpoint(source, environment)
    : readLegacyCheckpoint(source, environment);
}
