import { pickle } from '../pickle/pickler.ts';
import type { TensorSource } from '../storage/tensor-source.ts';
import { crc32 } from '../zip/crc32.ts';
import { ZipWriter } from '../zip/writer.ts';

const FOLDER = 'archive';
const DIGITS = 20;

/** Writes a value in PyTorch's zip format to a sink; returns the function that does, after all checks are done. */
export function prepareCheckpoint(
  value: unknown,
  source: TensorSource,
): (sink: (bytes: Uint8Array) => void) => void {
  const { bytes, storages } = pickle(value, source);
  return (sink) => {
    const zip = new ZipWriter(sink);
    const add = (name: string, data: Uint8Array) => zip.add(`${FOLDER}/${name}`, data);
    const addText = (name: string, text: string) => add(name, Buffer.from(text));
    add('data.pkl', bytes);
    addText('.format_version', '1');
    addText('.storage_alignment', '64');
    addText('byteorder', 'little');
    for (const [key, storage] of storages.entries())
      zip.addPieces(`${FOLDER}/data/${key}`, () => storage.pieces());
    addText('version', '3\n');
    addText('.data/serialization_id', serializationId(zip.checksums()));
    zip.finish();
  };
}

/** Forty digits that depend on the content alone, so that equal values give equal files. */
function serializationId(checksums: readonly number[]): string {
  const sums = Buffer.alloc(checksums.length * 4);
  for (const [index, sum] of checksums.entries()) sums.writeUInt32LE(sum, index * 4);
  const digits = (value: number) => String(value).padStart(DIGITS, '0');
  return digits(checksums.length) + digits(crc32(sums));
}
