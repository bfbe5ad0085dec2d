import { layoutOf, type StoredDType } from '../dtypes.ts';
import { dtypeOfName, isUnreadDType } from './dtypes.ts';
import { HeaderMismatch, HeaderScanner, quoted } from './header-scanner.ts';

const MOST_DIMENSIONS = 64;
const METADATA = '__metadata__';

/** One tensor of a header; offsets count from the end of the header. */
export interface HeaderTensor {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly tensors: ReadonlyMap<string, HeaderTensor>;
  /** Texts that the file carries beside the tensors; undefined where it has none. */
  readonly metadata: ReadonlyMap<string, string> | undefined;
}

/** A dtype of the format that is not read. */
export class UnreadDType extends Error {
  readonly key: string;
  constructor(name: string, key: string) {
    super(name);
    this.key = key;
  }
}

/**
 * Reads a header and checks it against the number of data bytes behind it: tensors lie one after the other, from the
 * first byte to the last, each as large as its shape and dtype say.
 */
export function parseHeader(text: string, dataBytes: number): Header {
  const scanner = new HeaderScanner(text);
  const tensors = new Map<string, HeaderTensor>();
  let metadata: Map<string, string> | undefined;
  scanner.object((key) => {
    // The format's own reader takes null for none.
    if (key === METADATA) metadata = scanner.takeNull() ? undefined : parseMetadata(scanner);
    else tensors.set(key, parseTensor(scanner, key));
  });
  scanner.end();
  checkCoverage(tensors, dataBytes);
  return { tensors, metadata };
}

function parseMetadata(scanner: HeaderScanner): Map<string, string> {
  const metadata = new Map<string, string>();
  scanner.object((key) => metadata.set(key, scanner.string()));
  return metadata;
}

function parseTensor(scanner: HeaderScanner, key: string): HeaderTensor {
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  scanner.object((field) => {
    if (field === 'dtype') dtype = scanner.string();
    else if (field === 'shape') shape = scanner.counts(MOST_DIMENSIONS);
    else if (field === 'data_offsets') offsets = scanner.counts(2);
    else throw scanner.fail(`the unknown field ${quoted(field)}`);
  });
  if (dtype === undefined || shape === undefined || offsets?.length !== 2) {
    throw new HeaderMismatch(`no dtype, shape and two data_offsets for ${quoted(key)}`);
  }
  const [begin, end] = offsets as [number, number];
  return checkedTensor(key, { dtype: knownDType(dtype, key), shape, begin, end });
}

function knownDType(name: string, key: string): StoredDType {
  const dtype = dtypeOfName(name);
  if (dtype !== undefined) return dtype;
  if (isUnreadDType(name)) throw new UnreadDType(name, key);
  throw new HeaderMismatch(`the unknown dtype ${quoted(name)} for ${quoted(key)}`);
}

function checkedTensor(key: string, tensor: HeaderTensor): HeaderTensor {
  const { dtype, shape, begin, end } = tensor;
  // Strides are products of the lengths, where 0 counts as 1.
  const extent = shape.reduce((product, size) => product * Math.max(size, 1), 1);
  if (Number.isSafeInteger(extent) && end - begin === bytesOf(dtype, shape)) return tensor;
  throw new HeaderMismatch(
    `bytes ${begin} to ${end} for ${quoted(key)}, a ${dtype} of [${shape.join(', ')}]`,
  );
}

/** Bytes of a contiguous tensor. */
export function bytesOf(dtype: StoredDType, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, layoutOf(dtype).itemsize);
}

function checkCoverage(tensors: ReadonlyMap<string, HeaderTensor>, dataBytes: number): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const [key, { begin, end }] of inOrder) {
    if (begin !== position) {
      const what = begin < position ? 'an overlap' : 'a hole';
      throw new HeaderMismatch(`${what} before ${quoted(key)}, at byte ${begin} of the data`);
    }
    position = end;
  }
  if (position !== dataBytes)
    throw new HeaderMismatch(`${position} bytes of tensors where the file has ${dataBytes}`);
}
