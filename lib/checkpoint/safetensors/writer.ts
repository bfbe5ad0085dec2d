import { layoutOf, type StoredDType } from '../dtypes.ts';
import type { InspectedElements, TensorSource } from '../storage/tensor-source.ts';
import { isWellFormed } from '../surrogates.ts';
import { safetensorsName } from './dtypes.ts';
import { bytesOf } from './header.ts';

const ALIGNMENT = 8;

interface Placed {
  readonly key: string;
  readonly elements: InspectedElements;
  readonly name: string;
  readonly nbytes: number;
}

type Sink = (bytes: Uint8Array) => void;

/**
 * Writes tensors in the safetensors format to a sink; returns the function that does, after all checks are done.
 * The header keeps the entries' order; their bytes lie by falling size of an element, so that all are aligned.
 */
export function prepareSafetensors(
  entries: Iterable<readonly [string, unknown]>,
  metadata: Readonly<Record<string, string>> | undefined,
  source: TensorSource,
): (sink: Sink) => void {
  const placed = [...entries].map(([key, value]) => place(key, value, source));
  const bySize = [...placed].sort((a, b) => itemsize(b) - itemsize(a));
  const header = headerBytes(placed, offsetsOf(bySize), metadata);
  return (sink) => {
    sink(header);
    for (const { elements } of bySize) for (const piece of elements.pieces()) sink(piece);
  };
}

function place(key: string, value: unknown, source: TensorSource): Placed {
  if (typeof key !== 'string') throw new TypeError(`Expected string keys for safetensors, got ${typeof key}`);
  checkText(key, 'a key');
  if (key === '__metadata__')
    throw new RangeError('Expected a key other than "__metadata__", which the format uses');
  const isObject = typeof value === 'object' && value !== null;
  const elements = isObject ? source.elements(value, `"${key}"`) : undefined;
  if (elements === undefined) {
    const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
    throw new TypeError(
      `Expected tensors only for safetensors, got ${got} at "${key}"; save a .pth file instead`,
    );
  }
  const { dtype, size } = elements;
  return { key, elements, name: nameOf(dtype, key), nbytes: bytesOf(dtype, size) };
}

function nameOf(dtype: StoredDType, key: string): string {
  const name = safetensorsName(dtype);
  if (name !== undefined) return name;
  throw new TypeError(
    `Expected a dtype that safetensors has for "${key}", got ${dtype}; save a .pth file instead`,
  );
}

function itemsize({ elements }: Placed): number {
  return layoutOf(elements.dtype).itemsize;
}

function offsetsOf(placed: readonly Placed[]): Map<string, [number, number]> {
  const offsets = new Map<string, [number, number]>();
  let position = 0;
  for (const { key, nbytes } of placed) {
    offsets.set(key, [position, position + nbytes]);
    position += nbytes;
  }
  return offsets;
}

/** JSON by hand: an object would put keys such as "0" first and lose "__proto__". */
function headerBytes(
  placed: readonly Placed[],
  offsets: ReadonlyMap<string, readonly number[]>,
  metadata: Readonly<Record<string, string>> | undefined,
): Buffer {
  const fields = placed.map(({ key, name, elements }) => {
    const description = { dtype: name, shape: elements.size, data_offsets: offsets.get(key) };
    return `${JSON.stringify(key)}:${JSON.stringify(description)}`;
  });
  if (metadata !== undefined) fields.unshift(`"__metadata__":${JSON.stringify(checkedTexts(metadata))}`);
  const json = Buffer.from(`{${fields.join(',')}}`, 'utf8');
  const padding = (ALIGNMENT - (json.length % ALIGNMENT)) % ALIGNMENT;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length + padding));
  return Buffer.concat([length, json, Buffer.alloc(padding, ' ')]);
}

function checkedTexts(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== 'string')
      throw new TypeError(`Expected a string for metadata "${key}", got ${typeof text}`);
    checkText(key, 'a key of the metadata');
    checkText(text, `metadata "${key}"`);
  }
  return metadata;
}

/** The format is UTF-8, which has nothing for half a surrogate pair. */
function checkText(text: string, name: string): void {
  if (isWellFormed(text)) return;
  const got = JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
  throw new RangeError(`Expected whole characters for ${name} of safetensors, got the half of one in ${got}`);
}
