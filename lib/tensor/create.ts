import { describe } from '../ops/describe.ts';
import { Complex, isNative, unwrap } from '../ops/index.ts';
import { checkFlags, checkOptions, checkPositions, describeValue } from '../options.ts';
import {
  type Device,
  type DType,
  dtypeOfArray,
  isComplex,
  type MemoryFormat,
  type TypedArray,
} from './dtype.ts';
import type { Element, NestedArray } from './elements.ts';
import { guardTransfer } from './guard-transfer.ts';
import { native } from './native.ts';
import type { Generator } from './random.ts';
import { scope } from './scope.ts';
import type { UntypedStorage } from './storage.ts';
import { choose, ops, Tensor } from './tensor.ts';

const { aten } = ops;

/** What every function that makes a tensor takes. */
export interface TensorOptions {
  /** Default float32, or what the data says. */
  dtype?: DType;
  /** Default cpu. */
  device?: Device;
  /** Accumulate gradients in it. Default false. */
  requiresGrad?: boolean;
  /** Page-locked memory, for asynchronous copies to CUDA. Default false. */
  pinMemory?: boolean;
}

const OPTIONS = ['dtype', 'device', 'requiresGrad', 'pinMemory', 'memoryFormat', 'generator'];

function factoryOptions(
  options: TensorOptions & { memoryFormat?: MemoryFormat; generator?: Generator | null },
) {
  checkOptions('a new tensor', options, OPTIONS);
  const { dtype, device, requiresGrad, pinMemory, memoryFormat, generator } = options;
  if (requiresGrad !== undefined || pinMemory !== undefined)
    checkFlags('a new tensor', { requiresGrad, pinMemory });
  return {
    ...(dtype === undefined ? {} : { dtype }),
    ...(device === undefined ? {} : { device }),
    ...(pinMemory === undefined ? {} : { pin_memory: pinMemory }),
    ...(memoryFormat === undefined ? {} : { memory_format: memoryFormat }),
    ...(generator === undefined || generator === null ? {} : { generator }),
  };
}

function finish(made: Tensor, options: TensorOptions): Tensor {
  return options.requiresGrad ? made.requiresGrad_() : made;
}

/** The shape of nested arrays; every array of a level must have the same length. */
function shapeOf(data: unknown): number[] {
  const shape: number[] = [];
  for (let level = data; Array.isArray(level); level = level[0]) shape.push(level.length);
  return shape;
}

function flatten(data: unknown, shape: number[], depth: number, out: Element[]): void {
  if (depth === shape.length) {
    if (Array.isArray(data)) throw ragged(depth, shape, data);
    out.push(data as Element);
    return;
  }
  if (!Array.isArray(data) || data.length !== shape[depth]) throw ragged(depth, shape, data);
  for (const item of data) flatten(item, shape, depth + 1, out);
}

function ragged(depth: number, shape: number[], got: unknown): TypeError {
  const found = Array.isArray(got) ? `an array of ${got.length}` : describe(got);
  const wanted = depth < shape.length ? `arrays of ${shape[depth]}` : 'elements';
  return new TypeError(
    `Expected nested arrays of equal length for tensor, got ${found} among ${wanted} at depth ${depth}`,
  );
}

function inferDType(elements: Element[]): DType {
  if (elements.some((value) => value instanceof Complex)) return 'complex64';
  if (elements.length > 0 && elements.every((value) => typeof value === 'boolean')) return 'bool';
  if (elements.some((value) => typeof value === 'number')) return 'float32';
  return elements.some((value) => typeof value === 'bigint') ? 'int64' : 'float32';
}

/** Elements in a wide buffer of their kind, from which torch converts to the dtype asked for. */
function pack(elements: Element[], dtype: DType): [TypedArray, DType] {
  for (const value of elements) {
    if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') continue;
    if (!(value instanceof Complex)) {
      throw new TypeError(`Expected numbers, bigints, booleans or Complex in tensor, got ${describe(value)}`);
    }
  }
  if (isComplex(dtype)) {
    const pairs = elements.flatMap((v) => (v instanceof Complex ? [v.re, v.im] : [Number(v), 0]));
    return [Float64Array.from(pairs), 'complex128'];
  }
  if (elements.some((value) => value instanceof Complex)) {
    throw new TypeError(`Expected a complex dtype for Complex elements, got "${dtype}"`);
  }
  if (/^u?int/.test(dtype)) return [packIntegers(elements, dtype), dtype === 'uint64' ? 'uint64' : 'int64'];
  return [Float64Array.from(elements as number[], Number), 'float64'];
}

const RANGES: Record<string, [bigint, bigint]> = {
  uint8: [0n, 255n],
  int8: [-128n, 127n],
  uint16: [0n, 65535n],
  int16: [-32768n, 32767n],
  uint32: [0n, 2n ** 32n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
};

function packIntegers(elements: Element[], dtype: DType): BigInt64Array | BigUint64Array {
  const [low, high] = RANGES[dtype] as [bigint, bigint];
  const values = elements.map((value) => {
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new RangeError(`Expected integers for dtype "${dtype}", got ${value}`);
    }
    const whole = BigInt(typeof value === 'number' ? Math.trunc(value) : (value as bigint | boolean));
    if (whole >= low && whole <= high) return whole;
    throw new RangeError(`Expected ${low} to ${high} for dtype "${dtype}", got ${whole}`);
  });
  return dtype === 'uint64' ? BigUint64Array.from(values) : BigInt64Array.from(values);
}

/**
 * A tensor with a copy of `data`: a number, nested arrays, a typed array (its own dtype, one dimension) or another
 * tensor. JavaScript numbers are doubles, so plain numbers give float32 (torch's default dtype) whether or not
 * they are whole: pass `dtype: 'int64'` for labels and indices. Bigints give int64, booleans bool, Complex complex64.
 *
 * @throws TypeError for ragged arrays and elements that are no numbers; RangeError for integers out of range.
 * @example tensor([[1, 2], [3, 4]]); tensor([0, 3], { dtype: 'int64' }); tensor(new Uint8Array([1, 2]));
 */
export function tensor(data: NestedArray | TypedArray | Tensor, options: TensorOptions = {}): Tensor {
  factoryOptions(options);
  const { dtype = 'float32' } = options;
  if (typeof dtype !== 'string')
    throw new TypeError(`Expected a dtype such as "float32" for tensor, got ${describeValue(dtype)}`);
  const made = scope(() => convert(fromData(data, options), options));
  return finish(made, options);
}

function fromData(data: NestedArray | TypedArray | Tensor, options: TensorOptions): Tensor {
  if (typeof data === 'object' && data !== null && isNative(data)) return aten.clone(aten.detach(data));
  if (ArrayBuffer.isView(data)) {
    const dtype = dtypeOfArray(data);
    if (dtype === undefined) throw new TypeError(`Expected a typed array for tensor, got ${describe(data)}`);
    return new Tensor(native.fromCopy(data, dtype, [(data as TypedArray).length]));
  }
  const shape = shapeOf(data);
  const elements: Element[] = [];
  flatten(data, shape, 0, elements);
  const dtype = options.dtype ?? inferDType(elements);
  const [buffer, packed] = pack(elements, dtype);
  const made = new Tensor(native.fromCopy(buffer, packed, shape));
  return packed === dtype ? made : made.to(dtype);
}

function convert(made: Tensor, options: TensorOptions): Tensor {
  const { dtype, device } = options;
  const converted =
    dtype === undefined && device === undefined
      ? made
      : made.to({ ...(dtype === undefined ? {} : { dtype }), ...(device === undefined ? {} : { device }) });
  return options.pinMemory ? aten.pin_memory(converted) : converted;
}

/** What `fromBuffer` takes besides the buffer. */
export interface FromBufferOptions {
  /** Default: the typed array's own; uint8 for an ArrayBuffer. */
  dtype?: DType;
  /** Default: one dimension over the whole buffer. */
  shape?: number[];
  /** Bytes to skip. Default 0. */
  offset?: number;
}

/**
 * A CPU tensor over the memory of a typed array, Buffer or ArrayBuffer, without a copy: writes on either side
 * show on the other. The tensor holds the memory itself, so it stays valid when the buffer is transferred, to a worker
 * for one, who then shares it. JavaScript's memory cannot be page-locked: `fromBuffer(data).pinMemory()` is a copy that
 * can go to CUDA without waiting.
 *
 * @throws RangeError when the buffer is too small or its memory not aligned for the dtype; TypeError for a
 * resizable buffer; TorchError `ERR_UNSUPPORTED_RUNTIME` where the runtime cannot share memory (docs/memory.md).
 * @example const x = fromBuffer(new Float32Array(6), { shape: [2, 3] });
 */
export function fromBuffer(data: TypedArray | Buffer | ArrayBuffer, options: FromBufferOptions = {}): Tensor {
  checkOptions('fromBuffer', options, ['dtype', 'shape', 'offset']);
  checkBuffer(data);
  refuseResizable(data);
  if (native.movesBuffers()) guardTransfer(ArrayBuffer.isView(data) ? data.buffer : data);
  const dtype = options.dtype ?? dtypeOfArray(data) ?? 'uint8';
  const offset = options.offset ?? 0;
  const shape = options.shape ?? [Math.floor((data.byteLength - offset) / itemsizeOf(dtype))];
  return new Tensor(native.fromBuffer(data, dtype, shape, offset));
}

function checkBuffer(data: unknown): void {
  const tag = Object.prototype.toString.call(data).slice(8, -1);
  if (ArrayBuffer.isView(data) || tag === 'ArrayBuffer' || tag === 'SharedArrayBuffer') return;
  throw new TypeError(
    `Expected a typed array, Buffer or ArrayBuffer for fromBuffer, got ${describeValue(data)}; use tensor() for numbers`,
  );
}

/** Shrinking a buffer takes the pages away from under a tensor. */
function refuseResizable(data: ArrayBufferView | ArrayBuffer): void {
  const buffer = ArrayBuffer.isView(data) ? data.buffer : data;
  if ((buffer as { resizable?: boolean }).resizable !== true) return;
  throw new TypeError(
    'Expected memory of fixed size for fromBuffer, got a resizable ArrayBuffer; use tensor(), which copies',
  );
}

function itemsizeOf(dtype: DType): number {
  return scope(() => aten.empty([0], { dtype }).itemsize);
}

/**
 * A tensor over part of a storage, as torch's `set_`: `storageOffset` and `stride` in elements.
 *
 * @throws RangeError when any element would lie outside the storage.
 */
export function tensorFromStorage(
  storage: UntypedStorage,
  dtype: DType,
  storageOffset: number,
  size: number[],
  stride: number[],
): Tensor {
  checkPositions('tensorFromStorage', arguments, 5);
  return new Tensor(native.tensorFromStorage(unwrap(storage), dtype, storageOffset, size, stride));
}

type Factory = (size: number[], options?: TensorOptions) => Tensor;
const bySize =
  (name: 'zeros' | 'ones' | 'rand' | 'randn'): Factory =>
  (size, options = {}) =>
    finish(aten[name](size, factoryOptions(options)), options);

/** Zeros of shape `size`. */
export const zeros: Factory = bySize('zeros');
/** Ones of shape `size`. */
export const ones: Factory = bySize('ones');

/** Random values with a generator of their own. */
export interface RandomOptions extends TensorOptions {
  /** Default: the device's own, seeded by `manualSeed`. */
  generator?: Generator | null;
}

/** Uniform random numbers in [0, 1), the same as Python's for the same seed on the CPU. */
export function rand(size: number[], options: RandomOptions = {}): Tensor {
  return finish(
    options.generator ? aten.rand.generator(size, withGenerator(options)) : bySize('rand')(size, options),
    options,
  );
}

/** Standard normal random numbers, the same as Python's for the same seed on the CPU. */
export function randn(size: number[], options: RandomOptions = {}): Tensor {
  return finish(
    options.generator ? aten.randn.generator(size, withGenerator(options)) : bySize('randn')(size, options),
    options,
  );
}

function withGenerator(options: RandomOptions) {
  return { ...factoryOptions(options), generator: options.generator as Generator };
}

/** Uninitialised memory of shape `size`. */
export function empty(size: number[], options: TensorOptions & { memoryFormat?: MemoryFormat } = {}): Tensor {
  return finish(aten.empty(size, factoryOptions(options)), options);
}

/** `value` everywhere. Default dtype float32 for numbers, as a JavaScript number is no integer. */
export function full(
  size: number[],
  value: number | bigint | boolean | Complex,
  options: TensorOptions = {},
): Tensor {
  const dtype = options.dtype ?? inferDType([value]);
  return finish(aten.full(size, value, { ...factoryOptions(options), dtype }), options);
}

/** Integers from `low` (inclusive) to `high` (exclusive); int64 by default. */
export function randint(low: number, high: number, size: number[], options: RandomOptions = {}): Tensor {
  const settings = { dtype: 'int64' as DType, ...factoryOptions(options) };
  const made = options.generator
    ? aten.randint.low_generator(low, high, size, { ...settings, generator: options.generator })
    : aten.randint.low(low, high, size, settings);
  return finish(made, options);
}

/** A random permutation of 0 to n - 1, int64. */
export function randperm(n: number, options: RandomOptions = {}): Tensor {
  const settings = { dtype: 'int64' as DType, ...factoryOptions(options) };
  return options.generator
    ? aten.randperm.generator(n, { ...settings, generator: options.generator })
    : aten.randperm(n, settings);
}

/** `arange(end)` or `arange(start, end, step)`: int64 when all are whole numbers, else float32, as torch. */
export function arange(
  start: number,
  end?: number | TensorOptions,
  step?: number | TensorOptions,
  options: TensorOptions = {},
): Tensor {
  for (const [name, value] of Object.entries({ end, step })) {
    const isKind =
      value === undefined || typeof value === 'number' || (typeof value === 'object' && value !== null);
    if (!isKind)
      throw new TypeError(`Expected a number for arange argument "${name}", got ${describeValue(value)}`);
  }
  const given =
    [end, step, options].find((value): value is TensorOptions => typeof value === 'object') ?? options;
  const settings = factoryOptions(given);
  const made =
    typeof end !== 'number'
      ? aten.arange(start, settings)
      : aten.arange.start_step(start, end, typeof step === 'number' ? step : 1, settings);
  return finish(made, given);
}

/** `steps` numbers from `start` to `end`, both included. */
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  return finish(aten.linspace(start, end, steps, factoryOptions(options)), options);
}

/** The identity matrix of n rows and `m` (default n) columns. */
export function eye(n: number, m: number = n, options: TensorOptions = {}): Tensor {
  return finish(aten.eye.m(n, m, factoryOptions(options)), options);
}

type Like = (input: Tensor, options?: TensorOptions & { memoryFormat?: MemoryFormat }) => Tensor;
const like =
  (name: 'zeros_like' | 'ones_like' | 'empty_like' | 'rand_like' | 'randn_like'): Like =>
  (input, options = {}) =>
    finish(aten[name](input, factoryOptions(options)), options);

/** Zeros with the shape, dtype, device and strides of `input`. */
export const zerosLike: Like = like('zeros_like');
export const onesLike: Like = like('ones_like');
export const emptyLike: Like = like('empty_like');
export const randLike: Like = like('rand_like');
export const randnLike: Like = like('randn_like');

export function fullLike(
  input: Tensor,
  value: number | bigint | boolean,
  options: TensorOptions = {},
): Tensor {
  return finish(aten.full_like(input, value, factoryOptions(options)), options);
}

/** Joins tensors along an existing dimension. */
export function cat(tensors: Tensor[], dim = 0): Tensor {
  return aten.cat(tensors, dim);
}

/** Joins tensors along a new dimension. */
export function stack(tensors: Tensor[], dim = 0): Tensor {
  return aten.stack(tensors, dim);
}

/**
 * `x` where `condition` holds, else `y`; either may be a number. Two whole numbers give int64, as in Python.
 *
 * Without both, the places where it holds: an int64 tensor for each dimension.
 *
 * @example where(mask, 1, 0); where(x.gt(0), x, 0); const [rows, columns] = where(mask);
 */
export function where(condition: Tensor, x: Tensor | Element, y: Tensor | Element): Tensor;
export function where(condition: Tensor): Tensor[];
export function where(condition: Tensor, x?: Tensor | Element, y?: Tensor | Element): Tensor | Tensor[] {
  if (x === undefined && y === undefined) return [...aten.nonzero_numpy(condition)];
  return choose(condition, x as Tensor, y as Tensor);
}
