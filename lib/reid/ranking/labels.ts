import { describeValue } from '../../options.ts';
import { isTensor, type Tensor } from '../../tensor/index.ts';

/** Identities or cameras, one for each image: numbers, texts, or an integer tensor (N). */
export type Labels =
  | readonly (number | bigint | string)[]
  | Int8Array
  | Uint8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Tensor;

type Label = number | bigint | string;

/**
 * The labels of queries and gallery as small whole numbers, equal where the labels are: 7, 7n and an int64 tensor's 7 are
 * one label, '7' is another.
 */
export function encodeLabels(
  [queryName, query]: [name: string, labels: Labels],
  [galleryName, gallery]: [name: string, labels: Labels],
  [queries, images]: readonly [queries: number, images: number],
): [query: Int32Array, gallery: Int32Array] {
  const codes = new Map<Label, number>();
  return [encode(queryName, query, queries, codes), encode(galleryName, gallery, images, codes)];
}

function encode(name: string, labels: Labels, length: number, codes: Map<Label, number>): Int32Array {
  const values = valuesOf(name, labels);
  if (values.length !== length) {
    throw new RangeError(`Expected ${length} labels for ${name}, one for each image, got ${values.length}`);
  }
  const encoded = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    const label = plainLabel(name, values[i], i);
    const code = codes.get(label) ?? codes.size;
    codes.set(label, code);
    encoded[i] = code;
  }
  return encoded;
}

function valuesOf(name: string, labels: unknown): ArrayLike<unknown> {
  if (isTensor(labels)) {
    if (labels.dim() === 1 && !labels.dtype.startsWith('float')) return labels.data();
    throw new TypeError(
      `Expected an integer tensor of one dimension for ${name}, got ${labels.dtype} [${labels.shape}]`,
    );
  }
  if (Array.isArray(labels) || (ArrayBuffer.isView(labels) && !(labels instanceof DataView))) {
    return labels as unknown as ArrayLike<unknown>;
  }
  throw new TypeError(
    `Expected an array of numbers or texts, or an integer tensor, for ${name}, got ${describeValue(labels)}`,
  );
}

function plainLabel(name: string, label: unknown, index: number): Label {
  if (typeof label === 'string' || (typeof label === 'number' && Number.isSafeInteger(label))) return label;
  if (typeof label === 'bigint') {
    const number = Number(label);
    return Number.isSafeInteger(number) ? number : label;
  }
  throw new TypeError(`Expected whole numbers or texts for ${name}, got ${describeValue(label)} at ${index}`);
}
