/**
 * A compiled model's file: a header, JSON, the tensors' bytes, and the SHA-256 of all of that. Numbers are little
 * endian.
 *
 * Header: magic (8 bytes), version (uint32), 0 (uint32), length of the JSON (uint64), length of the bytes (uint64).
 * The JSON is padded with spaces so that the bytes begin at a multiple of 64, as does each tensor in them.
 */
export const MAGIC = 'IBNPLAN\n';
export const VERSION = 1;
export const HEADER_BYTES = 32;
export const DIGEST_BYTES = 32;
export const ALIGNMENT = 64;

/** A tensor in the file: row-major, `offset` bytes from the first tensor's start. */
export interface FileTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly nbytes: number;
}

/** The JSON. In the plan `{ $tensor: i }` stands for a tensor. */
export interface FileContent {
  readonly plan: unknown;
  readonly batch: number | null;
  readonly tensors: readonly FileTensor[];
}

export const roundUp = (value: number): number => Math.ceil(value / ALIGNMENT) * ALIGNMENT;

/** Values that JSON cannot hold, as objects; plans have no keys that begin with `$`. */
export function toJson(value: unknown): unknown {
  if (value === undefined) return { $undefined: true };
  if (typeof value === 'bigint') return { $bigint: String(value) };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { $number: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
}

/** The inverse; `tensor(i)` gives the tensors. */
export function fromJson(value: unknown, tensor: (index: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => fromJson(item, tensor));
  if (typeof value !== 'object' || value === null) return value;
  if ('$tensor' in value) return tensor(value.$tensor);
  if ('$undefined' in value) return undefined;
  if ('$bigint' in value) return BigInt(String(value.$bigint));
  if ('$number' in value) return Number(value.$number);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromJson(item, tensor)]));
}
