import { isUtf8 } from 'node:buffer';
import { rowMajor } from '../../tensor/strides.ts';
import type { ByteSource } from '../byte-source.ts';
import { corrupt, overLimit, unsupported } from '../errors.ts';
import type { Description } from '../storage/description.ts';
import type { StorageLayout } from '../storage/storage-table.ts';
import { PyDict, PyStorage, PyTensor } from '../values.ts';
import { type Header, type HeaderTensor, parseHeader, UnreadDType } from './header.ts';
import { HeaderMismatch } from './header-scanner.ts';

const LENGTH_BYTES = 8;
// As in the format's own implementation.
const LARGEST_HEADER = 100_000_000;

/** Reads a safetensors file: the header's length, the header in JSON, then the tensors' bytes, little-endian. */
export function readSafetensors(source: ByteSource): Description {
  const length = headerLength(source);
  const dataStart = LENGTH_BYTES + length;
  const header = readHeader(source, length);
  const root = new PyDict('OrderedDict');
  const tensors = [...header.tensors].map(([key, tensor]) => [key, describe(key, tensor)] as const);
  for (const [key, tensor] of tensors) root.set(key, tensor);
  const storages = tensors.map(([, { fields }]) => fields.storage);
  return { root, storages, layout: layoutFor(header, dataStart), metadata: header.metadata };
}

function headerLength(source: ByteSource): number {
  const bytes = source.read(0, LENGTH_BYTES);
  const length = Buffer.from(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).readBigUInt64LE();
  if (length > BigInt(source.size - LENGTH_BYTES)) {
    const detail = `cut off: the header has ${length} bytes, the file ${source.size}; download or copy it again`;
    throw corrupt(source.origin, detail);
  }
  if (length > LARGEST_HEADER) throw overLimit(source.origin, `a header of ${length} bytes`);
  return Number(length);
}

function readHeader(source: ByteSource, length: number): Header {
  const bytes = source.read(LENGTH_BYTES, length);
  if (!isUtf8(bytes)) throw corrupt(source.origin, 'the header is not UTF-8');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  try {
    return parseHeader(text, source.size - LENGTH_BYTES - length);
  } catch (error) {
    throw explained(source, error);
  }
}

function explained(source: ByteSource, error: unknown): unknown {
  if (error instanceof HeaderMismatch) return corrupt(source.origin, `the header has ${error.message}`);
  if (!(error instanceof UnreadDType)) return error;
  const advice = 'convert it to float8 or float16 in Python';
  return unsupported(source.origin, `a tensor of ${error.message}`, advice, error.key);
}

/** Each tensor has a storage of its own, under its key. */
function describe(key: string, { dtype, shape }: HeaderTensor): PyTensor {
  const numel = shape.reduce((product, size) => product * size, 1);
  const storage = new PyStorage({ key, dtype, numel, location: 'cpu', view: undefined });
  const geometry = { offset: 0, size: shape, stride: rowMajor(shape) };
  return new PyTensor({ storage, dtype, ...geometry, requiresGrad: false, conj: false, neg: false });
}

function layoutFor({ tensors }: Header, dataStart: number): StorageLayout {
  return {
    bigEndian: false,
    locate({ key, dtype }) {
      const tensor = tensors.get(key);
      if (tensor === undefined || tensor.dtype !== dtype) return undefined;
      return { offset: dataStart + tensor.begin, nbytes: tensor.end - tensor.begin };
    },
  };
}
