import type { Tensor } from '../../tensor/index.ts';
import { toFloat32 } from './affine.ts';
import {
  type ConvNode,
  channelsOf,
  inputOf,
  isMap,
  type LinearNode,
  type Node,
  type NormNode,
  type NormPart,
  type PoolNode,
} from './graph.ts';
import { affineNode } from './norm-node.ts';
import type { OpReader } from './op-reader.ts';
import { isGlobalPool, Unsupported } from './op-reader.ts';

/** Makes the nodes of an op's results; one for all where it is no list. */
export type Importer = (op: OpReader) => Node | Node[] | Unsupported;

const no = (reason: string): Unsupported => new Unsupported(reason);
const NO_MAP = no('on something other than a map (N, C, H, W)');

/** `'same'` pads alike on both sides only where the kernel's span is even. */
function convPadding(op: OpReader, kernel: readonly number[]): [number, number] | undefined {
  if (op.op.overload !== 'padding') return op.pair(4, [0, 0]);
  if (op.literal(4, 'valid') === 'valid') return [0, 0];
  const dilation = op.pair(5, [1, 1]) ?? [1, 1];
  const total = dilation.map((step, d) => step * ((kernel[d] as number) - 1));
  return total.every((size) => size % 2 === 0)
    ? (total.map((size) => size / 2) as [number, number])
    : undefined;
}

/** Over a map; a window of one pixel over a vector is a linear layer. */
export const conv2d: Importer = (op) => {
  const [known, weight, bias] = [op.known(0), op.constant(1), op.constant(2)];
  if (known === undefined) return NO_MAP;
  if (!weight || bias === undefined) return no('with a weight that is no parameter');
  const kernel = weight.shape.slice(2);
  const [stride, padding] = [op.pair(3, [1, 1]), convPadding(op, kernel)];
  const [dilation, groups] = [op.pair(5, [1, 1]), op.literal<number>(6, 1)];
  if (!stride || !padding || !dilation) return no('with such a stride, padding or dilation');
  const own = { weight: toFloat32(weight), bias: bias && toFloat32(bias) };
  const ofVector = !isMap(known.node) || isGlobalPool(known.node);
  const vector = ofVector ? op.vector(known) : undefined;
  const single = kernel.every((size) => size === 1) && groups === 1 && padding.every((size) => size === 0);
  if (vector !== undefined && single) return linearNode(op, vector, own.weight.flatten(1), own.bias);
  if (!isMap(known.node)) return NO_MAP;
  const attributes = { ...own, stride, padding, dilation, groups, prologue: null, relu: false };
  return op.make<ConvNode>({ op: 'conv', ...attributes }, [known.node]);
};

function linearNode(op: OpReader, input: Node, weight: Tensor, bias: Tensor | null): LinearNode {
  const attributes = { weight, bias, activation: 'none' } as const;
  return op.make<LinearNode>({ op: 'linear', ...attributes }, [input], [weight.shape[0] as number]);
}

function importLinear(op: OpReader, input: Node | undefined, weight: Tensor, bias: Tensor | null) {
  if (input === undefined) return no('on something other than a vector (N, C)');
  if (weight.dim() !== 2 || weight.shape[1] !== channelsOf(input))
    return no('with a weight that is no matrix');
  if (bias !== null && bias.shape.join() !== String(weight.shape[0]))
    return no('with a bias of another size');
  return input.op === 'flatten'
    ? overWholeMap(op, inputOf(input), weight, bias)
    : linearNode(op, input, weight, bias);
}

/** A linear layer on the elements of a map is a convolution with a window of the map's size. */
function overWholeMap(op: OpReader, map: Node, weight: Tensor, bias: Tensor | null): Node {
  const out = weight.shape[0] as number;
  const own = { weight: weight.reshape([out, ...map.shape]), bias, prologue: null, relu: false };
  const window = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
  const conv = op.make<ConvNode>(
    { op: 'conv', ...own, ...structuredClone(window) } as ConvNode,
    [map],
    [out, 1, 1],
  );
  return op.vector({ node: conv, shape: [] }) as Node;
}

/** x times the transpose of a constant weight (out, in), plus a bias. */
export const linear: Importer = (op) => {
  const [weight, bias] = [op.constant(1), op.constant(2)];
  if (!weight || bias === undefined) return no('with a weight that is no parameter');
  return importLinear(op, op.row(0), toFloat32(weight), bias && toFloat32(bias));
};

/** x times a constant matrix (in, out). */
export const matmul: Importer = (op) => {
  const weight = op.constant(1);
  if (weight?.dim() !== 2) return no('with a second factor that is no constant matrix');
  return importLinear(op, op.row(0), toFloat32(weight.t()), null);
};

/** Whether it is added to every image alike: (), (1), (out) or (1, out). */
const fitsRow = ({ shape }: Tensor, out: number): boolean =>
  shape.length <= 2 && shape.slice(0, -1).every((size) => size === 1) && [1, out].includes(shape.at(-1) ?? 1);

/** A constant bias plus x times a constant matrix (in, out). */
export const addmm: Importer = (op) => {
  const [bias, weight] = [op.constant(0), op.constant(2)];
  const plain = op.literal<number>(3, 1) === 1 && op.literal<number>(4, 1) === 1;
  if (!plain || !weight || !bias) return no('with factors, or a bias that is no parameter');
  const [, out] = weight.shape as [number, number];
  if (!fitsRow(bias, out)) return no('with a bias for each image');
  const row = toFloat32(bias).expand([1, out]).reshape([out]).contiguous();
  return importLinear(op, op.row(1), toFloat32(weight.t()), row);
};

function normNode(op: OpReader, input: Node, part: NormPart): NormNode {
  const norm = { module: op.op.site.module, parts: [part] };
  return op.make<NormNode>({ op: 'norm', norm }, [input], input.shape);
}

function fixedNorm(op: OpReader, input: Node): NormNode | Unsupported {
  const affine = op.fixedNorm({ weight: 1, bias: 2, mean: 3, variance: 4, eps: 7 });
  if (affine === undefined) return no('with statistics that are no constants');
  return normNode(op, input, { kind: 'constant', channels: channelsOf(input), affine });
}

/** With running statistics: constants for each channel. */
export const batchNorm: Importer = (op) => {
  const input = op.known(0)?.node;
  if (input === undefined || (op.known(0)?.shape.length ?? 0) % 2 !== 0) return NO_MAP;
  if (op.literal(5, false)) return no('over the statistics of the batch');
  return fixedNorm(op, input);
};

/** By the statistics of each image, or running ones. */
export const instanceNorm: Importer = (op) => {
  const [input, weight, bias] = [op.map(0), op.constant(1), op.constant(2)];
  if (input === undefined) return NO_MAP;
  if (!op.literal(5, true)) return fixedNorm(op, input);
  if (weight === undefined || bias === undefined) return no('with a weight that is no parameter');
  const own = { weight: weight && toFloat32(weight), bias: bias && toFloat32(bias) };
  return normNode(op, input, {
    kind: 'instance',
    channels: channelsOf(input),
    ...own,
    eps: op.literal(7, 1e-5),
  });
};

type PoolWindow = Pick<PoolNode, 'kernel' | 'stride' | 'padding' | 'ceilMode'>;

/** With `ceilMode` a last window may reach beyond the padded map, if it begins before the padding at the far side. */
function pooledSizes({ shape }: Node, window: PoolWindow): number[] {
  return [0, 1].map((d) => {
    const [kernel, stride, padding] = [window.kernel[d], window.stride[d], window.padding[d]] as [
      number,
      number,
      number,
    ];
    const size = shape[d + 1] as number;
    const room = size + 2 * padding - kernel;
    const whole = Math.floor(room / stride) + 1;
    const hasLast = window.ceilMode && room % stride !== 0 && whole * stride < size + padding;
    return whole + Number(hasLast);
  });
}

function poolNode(
  op: OpReader,
  { mode, ceilMode, countIncludePad }: Pick<PoolNode, 'mode' | 'ceilMode' | 'countIncludePad'>,
): PoolNode | Unsupported {
  const [input, kernel] = [op.map(0), op.pair(1, [])];
  const [stride, padding] = [op.pair(2, kernel ?? []), op.pair(3, [0, 0])];
  if (input === undefined) return NO_MAP;
  if (!kernel || !stride || !padding) return no('with such a window');
  const window = { kernel, stride, padding, ceilMode };
  if (kernel.some((size, d) => size > (input.shape[d + 1] as number) + 2 * (padding[d] as number)))
    return no('with a window larger than the padded map');
  const [height, width] = pooledSizes(input, window);
  if (height !== op.resultShape[2] || width !== op.resultShape[3]) return no('with such a window');
  return op.make<PoolNode>({ op: 'pool', mode, ...window, countIncludePad, prologue: null }, [input]);
}

/** Without dilation. */
export const maxPool2d: Importer = (op) => {
  if (op.numbers(4, [1, 1])?.some((step) => step !== 1)) return no('with dilation');
  return poolNode(op, { mode: 'max', ceilMode: op.literal(5, false), countIncludePad: true });
};

/** Without a divisor of its own. */
export const avgPool2d: Importer = (op) => {
  if (op.literal<number | null>(6, null) !== null) return no('with divisor_override');
  return poolNode(op, { mode: 'avg', ceilMode: op.literal(4, false), countIncludePad: op.literal(5, true) });
};

/** Where the windows are all of one size. */
export const adaptivePool2d =
  (mode: PoolNode['mode']): Importer =>
  (op) => {
    const input = op.map(0);
    if (input === undefined) return NO_MAP;
    const [, , height = 0, width = 0] = op.resultShape;
    const [, h = 0, w = 0] = input.shape;
    if (h % height !== 0 || w % width !== 0) return no('to a size that does not divide the map');
    const kernel: [number, number] = [h / height, w / width];
    const rest = { padding: [0, 0] as [number, number], ceilMode: false, countIncludePad: true };
    return op.make<PoolNode>({ op: 'pool', mode, kernel, stride: kernel, ...rest, prologue: null }, [input]);
  };

/** Over height and width, as a map of one pixel or a vector. */
const wholeMap =
  (mode: PoolNode['mode']): Importer =>
  (op) => {
    const [known, dims] = [op.known(0), op.numbers(1, [])];
    const places = dims?.map((dim) => (dim < 0 ? dim + 4 : dim)).sort();
    if (known?.shape.length !== 4 || places?.join() !== '2,3')
      return no('over other dimensions than height and width');
    const input = known.node;
    if (!isMap(input)) return input;
    const [, height = 0, width = 0] = input.shape;
    const window = {
      kernel: [height, width],
      stride: [1, 1],
      padding: [0, 0],
      ceilMode: false,
      countIncludePad: true,
    } as const;
    const attributes = { op: 'pool', mode, ...structuredClone(window), prologue: null } as PoolNode;
    const pool = op.make<PoolNode>(attributes, [input], [channelsOf(input), 1, 1]);
    return op.resultShape.length === 4 ? pool : (op.vector({ node: pool, shape: [] }) as Node);
  };

/** The mean of each channel's map. */
export const mean: Importer = wholeMap('avg');
/** The largest of each channel's map. */
export const largestOf: Importer = wholeMap('max');

/** As many times the mean as there are pixels. */
export const sum: Importer = (op) => {
  const known = op.known(0);
  const means = mean(op);
  if (known === undefined || means instanceof Unsupported || Array.isArray(means)) return means;
  const [, channels = 0, height = 0, width = 0] = known.shape;
  const scale = new Float64Array(channels).fill(height * width);
  return affineNode(op, means, scale, new Float64Array(channels));
};
