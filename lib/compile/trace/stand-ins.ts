import { ops, type ParsedSchema, withRecorder } from '../../ops/index.ts';
import { type DType, empty, Tensor, tensorFromStorage, UntypedStorage } from '../../tensor/index.ts';
import { native } from '../../tensor/native.ts';
import { rowMajor } from '../../tensor/strides.ts';

type Args = readonly unknown[];

/**
 * What a traced forward gets instead of an expensive op's result: a tensor of the shape, dtype and strides that the op
 * would give, with nothing in it, as a trace may not depend on values. So no weight is read and little is computed. What
 * is not plainly right is left to libtorch, with its errors.
 */
const STAND_INS: Record<string, (args: Args) => Tensor | undefined> = {
  'aten::conv2d': conv2d,
  'aten::linear': linear,
  'aten::batch_norm': batchNorm,
  'aten::instance_norm': instanceNorm,
  'aten::add.Tensor': ([x, y]) => (alike(x, y) ? like(x) : undefined),
  'aten::add_.Tensor': ([x, y]) => (alike(x, y) ? x : undefined),
  'aten::cat': cat,
  'aten::contiguous': contiguous,
  'aten::relu': ([x]) => (isFloat(x) ? like(x) : undefined),
  'aten::relu_': ([x]) => (isFloat(x) ? x : undefined),
  'aten::max_pool2d': ([x, kernel, stride, padding, dilation, ceil]) =>
    pool(x, { kernel, stride, padding, dilation, ceil }),
  'aten::avg_pool2d': ([x, kernel, stride, padding, ceil, , divisor]) =>
    divisor == null ? pool(x, { kernel, stride, padding, ceil }) : undefined,
  'aten::adaptive_avg_pool2d': adaptivePool,
};

/** As `StandIn`; for ops that depend on an input alone. */
export function standInFor({ name, overload }: ParsedSchema, args: Args): Tensor | undefined {
  const make = STAND_INS[overload === '' ? name : `${name}.${overload}`];
  const [first] = [args[0]].flat();
  if (make === undefined || isAutocast(first as Tensor)) return undefined;
  return withRecorder(null, () => make(args));
}

function conv2d([x, weight, bias, stride, padding, dilation, groups]: Args): Tensor | undefined {
  if (!(isFloat(x, 4) && isFloat(weight, 4, x) && isVector(bias, weight.shape[0], x))) return undefined;
  const [batch, channels] = x.shape as [number, number];
  const [out, each] = weight.shape as [number, number];
  const parts = groups ?? 1;
  if (each === 0 || out === 0 || channels !== each * (parts as number) || out % (parts as number) !== 0)
    return undefined;
  const sides = windows(x, { kernel: weight.shape.slice(2), stride, padding, dilation });
  if (!sides.every((size) => size > 0)) return undefined;
  return beside(x, [batch, out, ...sides], isChannelsLast(x) || isChannelsLast(weight));
}

interface Window {
  kernel: unknown;
  stride?: unknown;
  padding?: unknown;
  dilation?: unknown;
}

/** How many windows fit along height and width; 0 or less where none does, or one of the numbers is wrong. */
function windows(x: Tensor, { kernel, stride, padding, dilation }: Window): number[] {
  return [0, 1].map((side) => {
    const [step, pad, apart] = [part(stride ?? 1, side), part(padding ?? 0, side), part(dilation ?? 1, side)];
    if (!(step > 0 && pad >= 0 && apart > 0)) return 0;
    const reach = apart * (part(kernel, side) - 1) + 1;
    return Math.floor(((x.shape[side + 2] as number) + 2 * pad - reach) / step) + 1;
  });
}

function pool(x: unknown, { ceil, ...window }: Window & { ceil: unknown }): Tensor | undefined {
  if (!isFloat(x, 4) || (ceil ?? false) !== false) return undefined;
  const { kernel, padding } = window;
  const stride = window.stride == null || String(window.stride) === '' ? kernel : window.stride;
  const isAllowed = (side: number) =>
    part(kernel, side) > 0 && part(padding ?? 0, side) * 2 <= part(kernel, side);
  const sides = windows(x, { ...window, stride });
  if (![0, 1].every(isAllowed) || !sides.every((size) => size > 0)) return undefined;
  return beside(x, [...x.shape.slice(0, 2), ...sides], isChannelsLast(x));
}

function adaptivePool([x, size]: Args): Tensor | undefined {
  if (!isFloat(x, 4) || !(x.isContiguous() || isChannelsLast(x))) return undefined;
  const sides = [part(size, 0), part(size, 1)];
  if (!sides.every((side) => side > 0)) return undefined;
  return beside(x, [...x.shape.slice(0, 2), ...sides], isChannelsLast(x));
}

function linear([x, weight, bias]: Args): Tensor | undefined {
  if (!(isFloat(x, 2) && isFloat(weight, 2, x) && isVector(bias, weight.shape[0], x))) return undefined;
  if (x.shape[1] !== weight.shape[1]) return undefined;
  return beside(x, [x.shape[0] as number, weight.shape[0] as number]);
}

function batchNorm([x, weight, bias, mean, variance, training]: Args): Tensor | undefined {
  if (!isFloat(x, 4) || training !== false || mean == null || variance == null) return undefined;
  return [weight, bias, mean, variance].every((vector) => isVector(vector, x.shape[1], x))
    ? beside(x, x.shape, isChannelsLast(x))
    : undefined;
}

function instanceNorm([x, weight, bias, , , ofInput]: Args): Tensor | undefined {
  if (
    !isFloat(x, 4) ||
    ofInput !== true ||
    !isVector(weight, x.shape[1], x) ||
    !isVector(bias, x.shape[1], x)
  )
    return undefined;
  return beside(x, x.shape);
}

function cat([parts, axis]: Args): Tensor | undefined {
  const [first, ...others] = parts as Tensor[];
  const dim = (axis ?? 0) as number;
  if (!isFloat(first, 4) || dim < 0) return undefined;
  const size = (part: Tensor) => part.shape.with(dim, 0).join();
  const fit = others.every((part) => isFloat(part, 4, first) && size(part) === size(first));
  if (!fit || !(parts as Tensor[]).every((part) => part.isContiguous())) return undefined;
  const sum = (parts as Tensor[]).reduce((total, part) => total + (part.shape[dim] as number), 0);
  return beside(first, first.shape.with(dim, sum));
}

function contiguous([x, format]: Args): Tensor | undefined {
  if (!isFloat(x, 4) || x.isContiguous() || (format != null && format !== 'contiguous_format'))
    return undefined;
  return beside(x, x.shape);
}

/** Whether the sum of both is again alike. */
function alike(x: unknown, y: unknown): x is Tensor {
  if (!isFloat(x, 4) || !isFloat(y, 4, x)) return false;
  return String(x.shape) === String(y.shape) && String(x.stride()) === String(y.stride());
}

/** A float32 tensor, of that rank and where another one is, if they are given. */
function isFloat(value: unknown, rank?: number, other?: Tensor): value is Tensor {
  if (!(value instanceof Tensor) || value.numel() === 0 || value.dtype !== 'float32') return false;
  if (value.layout !== 'strided' || (rank !== undefined && value.ndim !== rank)) return false;
  return other === undefined || value.device === other.device;
}

function isVector(value: unknown, length: number | undefined, other: Tensor): boolean {
  return value == null || (isFloat(value, 1, other) && value.shape[0] === length);
}

const part = (value: unknown, side: number) =>
  (Array.isArray(value) ? (value[side] ?? value[0]) : value) as number;

/** As `suggest_memory_format` of libtorch: strides tell, also where sizes of 1 leave it open. */
function isChannelsLast(tensor: Tensor): boolean {
  const [shape, strides] = [tensor.shape, tensor.stride()];
  let least = 0;
  for (const dim of [1, 3, 2, 0]) {
    const [size, stride] = [shape[dim] as number, strides[dim] as number];
    if (size === 0 || stride < least || (dim === 0 && least === strides[1])) return false;
    least = size > 1 ? stride * size : stride;
  }
  return true;
}

function like(x: Tensor): Tensor {
  const isDense = x.isContiguous() || String(x.stride()) === String(channelsLastStrides(x.shape));
  if (x.device !== 'cpu' || !isDense) return ops.aten.empty_like(x) as Tensor;
  return untouched(x.dtype, x.shape, x.stride());
}

function beside({ dtype, device }: Tensor, size: readonly number[], channelsLast = false): Tensor {
  if (device !== 'cpu') {
    const memoryFormat = channelsLast ? 'channels_last' : 'contiguous_format';
    return empty([...size], { dtype, device, memoryFormat });
  }
  return untouched(dtype, size, channelsLast ? channelsLastStrides(size) : rowMajor(size));
}

function channelsLastStrides([, channels = 1, height = 1, width = 1]: readonly number[]): number[] {
  return [channels * height * width, 1, width * channels, channels];
}

/**
 * A float32 tensor that has addresses and, until an op reads or writes it, no memory. V8 does not count it, or it would collect
 * garbage again and again for maps that a traced network keeps until its end.
 */
function untouched(dtype: DType, size: readonly number[], strides: readonly number[]): Tensor {
  const storage = UntypedStorage.ofPages(size.reduce((bytes, each) => bytes * each, 4));
  return tensorFromStorage(storage, dtype, 0, [...size], [...strides]);
}

/** The result's dtype is another one then. */
function isAutocast({ device }: Tensor): boolean {
  return native.isAutocastEnabled(device.replace(/:\d+$/, ''));
}
