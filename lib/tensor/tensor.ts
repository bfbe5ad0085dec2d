import type { Handle } from '../binding.ts';
import {
  installMethods,
  isNative,
  NativeObject,
  type Ops,
  setTensorClass,
  type TensorMethods,
  ops as untypedOps,
  unwrap,
} from '../ops/index.ts';
import { checkFlag, checkFlags, checkOptions, describeValue } from '../options.ts';
import { listOfTensors } from './check-tensor.ts';
import { type Device, type DType, isComplex, type MemoryFormat, type TypedArray, viewAs } from './dtype.ts';
import { type Element, type NestedArray, needsFloat, nest, toElements } from './elements.ts';
import { runBackward } from './gradients/anomaly.ts';
import {
  type GradHook,
  type HookHandle,
  registerGradHook,
  registerPostAccumulateGradHook,
} from './gradients/grad-hooks.ts';
import type { Index } from './indexing/index-types.ts';
import { type IndexValue, readIndex, writeIndex } from './indexing/indexing.ts';
import { native } from './native.ts';
import { toPrimitive } from './primitive.ts';
import { formatTensor } from './printing/print.ts';
import { scope } from './scope.ts';
import { UntypedStorage } from './storage.ts';
import { TO_OPTIONS, type ToOptions, toOptions } from './to-options.ts';

/** Every op, with torch's names; see `ops` of the package. */
export const ops = untypedOps as Ops<Tensor>;
const { aten } = ops;

export interface BackwardOptions {
  /** Keep the graph for another backward. Default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the backward itself, for higher derivatives. Default false. */
  createGraph?: boolean;
  /** Accumulate into these tensors only. Default: all leaves. */
  inputs?: Tensor[];
}

/**
 * A tensor of libtorch. Made by `tensor`, `zeros`, ... and by ops; every aten op whose first argument is a tensor
 * is a method in camelCase (`x.indexSelect(0, index)`, `x.add_(1)`).
 *
 * Memory is freed by `dispose()`, at the end of a `using` block or a `scope()`, or else by garbage collection.
 * Objects over the same memory (views, `detach()`) are counted: disposing one leaves the others.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the methods are installed below from the same table
export class Tensor extends NativeObject {
  /** @internal */
  constructor(handle: Handle) {
    super(handle);
  }

  /** Sizes of the dimensions. */
  get shape(): number[] {
    return native.sizes(unwrap(this));
  }

  get dtype(): DType {
    return native.dtype(unwrap(this)) as DType;
  }

  /** `cpu`, `cuda:0`, ... */
  get device(): Device {
    return native.device(unwrap(this));
  }

  /** `strided`, `sparse_coo`, ... */
  get layout(): string {
    return native.layout(unwrap(this));
  }

  /** Bytes of one element. */
  get itemsize(): number {
    return native.itemsize(unwrap(this));
  }

  get requiresGrad(): boolean {
    return native.requiresGrad(unwrap(this));
  }

  set requiresGrad(value: boolean) {
    checkFlag('requiresGrad', value);
    native.setRequiresGrad(unwrap(this), value);
  }

  /** Sets whether gradients are accumulated here. Returns this. */
  requiresGrad_(value = true): this {
    checkFlag('requiresGrad_', value);
    native.setRequiresGrad(unwrap(this), value);
    return this;
  }

  /** True for tensors that no recorded op made: parameters and inputs. */
  get isLeaf(): boolean {
    return native.isLeaf(unwrap(this));
  }

  /** The name of the autograd node that made this, such as `AddBackward0`, or null. */
  get gradFn(): string | null {
    return native.gradFnName(unwrap(this));
  }

  /** The accumulated gradient, or null before the first backward. Each read makes a new object over it. */
  get grad(): Tensor | null {
    const handle = native.grad(unwrap(this));
    return handle === null ? null : new Tensor(handle);
  }

  set grad(value: Tensor | null) {
    native.setGrad(unwrap(this), value === null ? null : unwrap(value));
  }

  /**
   * Keeps the gradient of a tensor that is no leaf in its `grad`, as torch.Tensor.retain_grad.
   *
   * @throws TorchError for a tensor that does not require grad.
   */
  retainGrad(): void {
    native.retainGrad(unwrap(this));
  }

  /** True after `retainGrad()` of a tensor that is no leaf. */
  get retainsGrad(): boolean {
    return native.retainsGrad(unwrap(this));
  }

  /**
   * Calls `hook` with each gradient of this tensor that a backward computes, as torch.Tensor.register_hook; a tensor that
   * it returns takes the gradient's place. It runs on this thread, in the order of registration, before the gradient is
   * accumulated or goes on. An error that it throws ends the backward.
   *
   * @throws TorchError for a tensor that does not require grad.
   * @example const handle = weight.registerHook((gradient) => gradient.clamp(-1, 1)); handle.remove();
   */
  registerHook(hook: GradHook): HookHandle {
    return registerGradHook(this, hook);
  }

  /**
   * Calls `hook` with this leaf each time that its `grad` was accumulated into, as
   * torch.Tensor.register_post_accumulate_grad_hook.
   *
   * @throws TorchError for tensors that are no leaf or do not require grad.
   */
  registerPostAccumulateGradHook(hook: (tensor: this) => void): HookHandle {
    return registerPostAccumulateGradHook(this, hook);
  }

  dim(): number {
    return native.dim(unwrap(this));
  }

  get ndim(): number {
    return native.dim(unwrap(this));
  }

  numel(): number {
    return native.numel(unwrap(this));
  }

  /** Size of one dimension (negative counts from the end), or all. */
  size(): number[];
  size(dim: number): number;
  size(dim?: number): number | number[] {
    const shape = native.sizes(unwrap(this));
    if (dim === undefined) return shape;
    const size = shape[dim < 0 ? dim + shape.length : dim];
    if (size !== undefined) return size;
    throw new RangeError(
      `Expected a dimension from ${-shape.length} to ${shape.length - 1} for size, got ${dim}`,
    );
  }

  /** Steps between elements of each dimension, in elements. */
  stride(): number[] {
    return native.strides(unwrap(this));
  }

  /** Elements before the first, in the storage. */
  storageOffset(): number {
    return native.storageOffset(unwrap(this));
  }

  isContiguous(memoryFormat?: MemoryFormat): boolean {
    return native.isContiguous(unwrap(this), memoryFormat);
  }

  get isCuda(): boolean {
    return this.device.startsWith('cuda');
  }

  /**
   * The only element: a number; of a bool tensor a boolean, of a complex one a Complex, and an integer beyond 2^53 a
   * bigint. `T` says which to TypeScript, by default a number; it is not checked.
   *
   * @throws TorchError unless there is just one.
   * @example const done = x.eq(y).all().item<boolean>();
   */
  item<T extends Element = number>(): T {
    return aten.item(this) as T;
  }

  /**
   * The elements in row-major order as a typed array; a copy. int64 gives a BigInt64Array, bool a Uint8Array,
   * complex pairs of floats, 16- and 8-bit floats their bits (`to('float32')` first for values).
   */
  data(): TypedArray {
    return scope(() => viewAs(this.dtype, native.readBytes(unwrap(this.#readable()))));
  }

  /** This, or a temporary copy, dense and contiguous on the CPU with conjugation and negation applied. */
  #readable(): Tensor {
    let ready: Tensor = native.layout(unwrap(this)) === 'strided' ? this : aten.to_dense(this);
    if (aten._is_zerotensor(ready)) ready = aten.clone(ready);
    if (isComplex(ready.dtype)) ready = aten.resolve_conj(ready);
    ready = aten.resolve_neg(ready);
    if (ready.device !== 'cpu') ready = aten.to.dtype_layout(ready, { device: 'cpu' });
    return ready.isContiguous() ? ready : aten.contiguous(ready);
  }

  /**
   * Elements as nested arrays of numbers (bigints beyond 2^53), booleans or Complex. `T` says to TypeScript what the
   * tensor's dimensions and dtype make of it; it is not checked.
   *
   * @example const rows = x.toArray<number[][]>(); // of a matrix
   */
  toArray<T extends NestedArray = NestedArray>(): T {
    return scope(() => nest(this.#elements(), this.shape)) as T;
  }

  #elements(): Element[] {
    const dtype = this.dtype;
    if (!needsFloat(dtype)) return toElements(this.data(), dtype);
    return aten.to.dtype(this, dtype === 'complex32' ? 'complex64' : 'float32').#elements();
  }

  /** True when both objects stand for the very same tensor. */
  isSame(other: Tensor): boolean {
    return native.isSame(unwrap(this), unwrap(other));
  }

  /** The storage under this tensor, shared with its views. */
  untypedStorage(): UntypedStorage {
    return new UntypedStorage(native.storageOfTensor(unwrap(this)));
  }

  /**
   * Converts dtype, device or memory format; this very tensor's data when nothing changes.
   *
   * @example x.to('cuda:0'); x.to('float16'); x.to({ device: 'cuda', memoryFormat: 'channels_last' });
   */
  to(target: Device | DType | ToOptions | Tensor, options: ToOptions = {}): Tensor {
    const given =
      target instanceof Tensor ? { dtype: target.dtype, device: target.device } : toOptions(target);
    checkOptions('to', options, TO_OPTIONS);
    const { dtype, device, memoryFormat, nonBlocking, copy } = { ...given, ...options };
    return aten.to.dtype_layout(this, {
      ...(dtype === undefined ? {} : { dtype }),
      ...(device === undefined ? {} : { device }),
      ...(memoryFormat === undefined ? {} : { memory_format: memoryFormat }),
      ...(nonBlocking === undefined ? {} : { non_blocking: nonBlocking }),
      ...(copy === undefined ? {} : { copy }),
    });
  }

  cpu(): Tensor {
    return this.to('cpu');
  }

  /**
   * On a CUDA device, the current one by default.
   *
   * @throws TorchError when there is no such device: CUDA never becomes CPU.
   */
  cuda(index?: number, options: Pick<ToOptions, 'nonBlocking' | 'memoryFormat'> = {}): Tensor {
    checkOptions('Tensor.cuda', options, ['nonBlocking', 'memoryFormat']);
    return this.to(index === undefined ? 'cuda' : `cuda:${index}`, options);
  }

  /**
   * The numbers on the CPU, without their graph. A copy out of CUDA goes into page-locked memory while the event loop
   * goes on; ops after this call do not change what arrives. A CPU tensor shares its memory with the result.
   *
   * @throws TorchError (rejects) when the device failed; RangeError for sparse tensors and other devices.
   * @example const logits = await model.forward(x).cpuAsync();
   */
  async cpuAsync(): Promise<Tensor> {
    return new Tensor(await native.copyToHost(unwrap(this)));
  }

  /** As `data()`, without keeping the event loop waiting for the device. */
  async dataAsync(): Promise<TypedArray> {
    const host = await this.cpuAsync();
    try {
      return host.data();
    } finally {
      host.dispose();
    }
  }

  float(): Tensor {
    return this.to('float32');
  }

  double(): Tensor {
    return this.to('float64');
  }

  half(): Tensor {
    return this.to('float16');
  }

  bfloat16(): Tensor {
    return this.to('bfloat16');
  }

  long(): Tensor {
    return this.to('int64');
  }

  int(): Tensor {
    return this.to('int32');
  }

  bool(): Tensor {
    return this.to('bool');
  }

  /**
   * Reads a part, as Python's `x[...]`: a view for integers, `':'`, slices, null (new dimension), `'...'` and integer
   * tensors without dimensions; a copy for arrays, booleans, masks and other index tensors. `x.index([0, 1])` is
   * Python's `x[[0, 1]]`, an array being one index.
   *
   * @throws RangeError for integers out of range and too many indices; TorchError `ERR_TORCH_INDEX` for items of arrays
   * and index tensors out of range, masks of another shape and index tensors of other dtypes.
   * @example x.index(0, ':', slice(1, 3)); x.index('...', -1); x.index(mask); x.index([0, 1], [2, 0]);
   */
  index(...indices: Index[]): Tensor {
    return readIndex(this, indices);
  }

  /**
   * Writes a part, as Python's `x[...] = value`. The value is broadcast, after the dimensions of size 1 that it begins
   * with are dropped; a number takes this dtype. A tensor of another dtype is converted where the indices select a
   * view, and refused where they gather. Returns this.
   *
   * @throws TorchError when the value cannot be broadcast, a number does not fit the dtype, or dtypes differ.
   * @example x.setIndex([0, slice(1)], 5); x.setIndex([mask], 0); x.setIndex([[1, 0]], rows);
   */
  setIndex(indices: readonly Index[], value: IndexValue): this {
    if (!Array.isArray(indices))
      throw new TypeError(`Expected an array of indices for setIndex, got ${describeValue(indices)}`);
    writeIndex(this, indices, value);
    return this;
  }

  /** This where `condition` holds, else `other`. */
  where(condition: Tensor, other: Tensor | Element): Tensor {
    return choose(condition, this, other);
  }

  /**
   * The rows, as Python iterates: views along the first dimension.
   *
   * @throws TypeError for a tensor without dimensions.
   * @example for (const row of x) console.log(row.sum().item());
   */
  *[Symbol.iterator](): Generator<Tensor, void, undefined> {
    if (this.dim() === 0) {
      throw new TypeError(
        'Expected a tensor of at least one dimension to iterate over, got one without; call item(), or in a test ' +
          'compare tensors by ibn-net/testing',
      );
    }
    yield* aten.unbind(this);
  }

  /**
   * A tensor of one element counts as its `item()` in arithmetic and comparisons, and every tensor as its `toString()`
   * in template strings.
   *
   * @throws TypeError for other tensors and complex numbers.
   * @example `loss ${loss}`; Number(loss) > 2; // `loss > 2` in JavaScript, too: TypeScript refuses it
   */
  [Symbol.toPrimitive](hint: 'default' | 'number' | 'string'): number | bigint | boolean | string {
    return hint === 'string' ? this.toString() : toPrimitive(this);
  }

  /** @throws TypeError always: a tensor in JSON by accident would be too much, or lose its dtype. */
  toJSON(): never {
    throw new TypeError(
      'Expected plain values for JSON, got a Tensor; call item() or toArray(), or save it with checkpoint.save()',
    );
  }

  /**
   * Accumulates gradients into the leaves, as torch.Tensor.backward.
   *
   * @param gradient - same shape as this; may be left out for a tensor of one element.
   * @throws TorchError when nothing requires grad, or the graph was freed by an earlier backward.
   */
  backward(gradient?: Tensor | null, options: BackwardOptions = {}): void {
    checkOptions('backward', options, BACKWARD_OPTIONS);
    const { createGraph = false, retainGraph = createGraph } = options;
    checkFlags('backward', { createGraph, retainGraph });
    const inputs = listOfTensors('backward', 'inputs', options.inputs ?? []);
    const gradients = [gradient ? unwrap(gradient) : null];
    runBackward(() =>
      native.backward([unwrap(this)], gradients, retainGraph, createGraph, inputs.map(unwrap)),
    );
  }

  /** True after `dispose()`. */
  get disposed(): boolean {
    return native.isDisposed(unwrap(this));
  }

  /** Lets go of the memory now. Any later use throws; disposing twice is fine. */
  dispose(): void {
    native.dispose(unwrap(this));
  }

  [Symbol.dispose](): void {
    native.dispose(unwrap(this));
  }

  /** As Python prints it. */
  override toString(): string {
    return formatTensor(this);
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.disposed ? 'Tensor (disposed)' : formatTensor(this);
  }
}

export interface Tensor extends Omit<TensorMethods<Tensor>, OwnMembers> {}

/** Members that the class defines itself; ops of these names are reached through `ops.aten`. */
type OwnMembers =
  | 'item'
  | 'data'
  | 'to'
  | 'index'
  | 'size'
  | 'stride'
  | 'dim'
  | 'numel'
  | 'requiresGrad_'
  | 'isLeaf'
  | 'retainGrad'
  | 'retainsGrad'
  | 'isContiguous'
  | 'layout'
  | 'dispose';

const BACKWARD_OPTIONS = ['retainGraph', 'createGraph', 'inputs'];

/** `x` where `condition` holds, else `y`; numbers take the dtype that they have beside the other, as in Python. */
export function choose(condition: Tensor, x: Tensor | Element, y: Tensor | Element): Tensor {
  return (aten.where as (...args: unknown[]) => Tensor)(condition, x, y);
}

/** Whether `value` is a Tensor of this package. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && isNative(value) && value instanceof Tensor;
}

setTensorClass(Tensor);
installMethods(Tensor.prototype);
