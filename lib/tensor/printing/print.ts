import { type Ops, ops as untypedOps, unwrap } from '../../ops/index.ts';
import { checkTensor } from '../check-tensor.ts';
import { isQuantized } from '../dtype.ts';
import { noGrad } from '../gradients/modes.ts';
import { native } from '../native.ts';
import { scope } from '../scope.ts';
import type { Tensor } from '../tensor.ts';
import { getPrintoptions } from './print-options.ts';
import { formatValues } from './print-values.ts';

const aten = untypedOps.aten as Ops<Tensor>['aten'];

/** What stands between `tensor(` and the last bracket. */
interface Parts {
  contents: string;
  suffixes: string[];
}

const PREFIX = 'tensor(';

// Their elements show what they are; the others' dtype is printed.
const PLAIN_DTYPES = new Set(['float32', 'complex64', 'int64', 'bool']);

/** Python's tuple: `(3,)`, `(2, 3)`. */
function tuple(sizes: number[]): string {
  return `(${sizes.join(', ')}${sizes.length === 1 ? ',' : ''})`;
}

function dtypeSuffix(tensor: Tensor, plain: ReadonlySet<string> = PLAIN_DTYPES): string[] {
  return plain.has(tensor.dtype) ? [] : [`dtype=torch.${tensor.dtype}`];
}

function metaParts(tensor: Tensor): Parts {
  const suffixes = [`size=${tuple(tensor.shape)}`, ...dtypeSuffix(tensor, new Set(['float32']))];
  return { contents: '...', suffixes };
}

function stridedParts(tensor: Tensor): Parts {
  const options = getPrintoptions();
  if (tensor.numel() === 0) {
    const size = tensor.dim() === 1 ? [] : [`size=${tuple(tensor.shape)}`];
    return { contents: '[]', suffixes: [...size, ...dtypeSuffix(tensor, new Set(['float32']))] };
  }
  const size = options.edgeitems === 0 ? [`size=${tuple(tensor.shape)}`] : [];
  const dense = tensor.layout === 'strided' ? tensor : aten.to_dense(tensor);
  const contents = formatValues(dense, PREFIX.length, options);
  return { contents, suffixes: [...size, ...dtypeSuffix(tensor)] };
}

/** One tensor inside a sparse one: `values=tensor([1., 2.])`. */
function member(name: string, tensor: Tensor, isMeta: boolean): string {
  const start = `${name}=${PREFIX}`;
  const elements = isMeta
    ? '...'
    : formatValues(tensor.detach(), PREFIX.length + start.length, getPrintoptions());
  const size = isMeta || tensor.numel() === 0 ? `, size=${tuple(tensor.shape)}` : '';
  return `${start}${elements}${size})`;
}

function sparseMembers(tensor: Tensor): [string, Tensor][] {
  switch (tensor.layout) {
    case 'sparse_coo':
      return [
        ['indices', aten._indices(tensor)],
        ['values', aten._values(tensor)],
      ];
    case 'sparse_csr':
    case 'sparse_bsr':
      return [
        ['crow_indices', aten.crow_indices(tensor)],
        ['col_indices', aten.col_indices(tensor)],
        ['values', aten.values(tensor)],
      ];
    default:
      return [
        ['ccol_indices', aten.ccol_indices(tensor)],
        ['row_indices', aten.row_indices(tensor)],
        ['values', aten.values(tensor)],
      ];
  }
}

function sparseParts(tensor: Tensor, isMeta: boolean): Parts {
  const lines = sparseMembers(tensor).map(([name, part]) => member(name, part, isMeta));
  const count = isMeta ? [] : [`nnz=${aten._nnz(tensor)}`];
  return {
    contents: lines.join(`,\n${' '.repeat(PREFIX.length)}`),
    suffixes: [`size=${tuple(tensor.shape)}`, ...count, ...dtypeSuffix(tensor)],
  };
}

/** Python's `str` of a float. */
function pythonFloat(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${value}.0`;
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < 16) return String(value);
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

function quantizedParts(tensor: Tensor): Parts {
  const scheme = aten.qscheme(tensor);
  const parameters = scheme.startsWith('per_channel')
    ? [
        `scale=${formatTensor(aten.q_per_channel_scales(tensor))}`,
        `zero_point=${formatTensor(aten.q_per_channel_zero_points(tensor))}`,
        `axis=${aten.q_per_channel_axis(tensor)}`,
      ]
    : [`scale=${pythonFloat(aten.q_scale(tensor))}`, `zero_point=${aten.q_zero_point(tensor)}`];
  const suffixes = [
    `size=${tuple(tensor.shape)}`,
    ...dtypeSuffix(tensor),
    `quantization_scheme=torch.${scheme}`,
  ];
  const contents = formatValues(aten.dequantize.self(tensor), PREFIX.length, getPrintoptions());
  return { contents, suffixes: [...suffixes, ...parameters] };
}

function partsOf(tensor: Tensor): Parts {
  const isMeta = tensor.device.startsWith('meta');
  if (tensor.layout.startsWith('sparse')) return sparseParts(tensor, isMeta);
  if (isQuantized(tensor.dtype)) return quantizedParts(tensor);
  return isMeta ? metaParts(tensor) : stridedParts(tensor);
}

function gradSuffix(tensor: Tensor): string[] {
  const node = native.gradFnName(unwrap(tensor));
  if (node !== null) return [`grad_fn=<${node.replace(/^.*::/, '')}>`];
  return tensor.requiresGrad ? ['requires_grad=True'] : [];
}

/** Adds suffixes, each on a new line where it would pass the line's width. */
function addSuffixes(text: string, suffixes: string[], forceNewline: boolean): string {
  const { linewidth } = getPrintoptions();
  let result = text;
  let column = text.length - text.lastIndexOf('\n') + 1;
  let breakLine = forceNewline;
  for (const suffix of suffixes) {
    if (breakLine || column + suffix.length + 2 > linewidth) {
      result += `,\n${' '.repeat(PREFIX.length)}${suffix}`;
      column = PREFIX.length + suffix.length;
      breakLine = false;
    } else {
      result += `, ${suffix}`;
      column += suffix.length + 2;
    }
  }
  return `${result})`;
}

/**
 * `tensor` as Python's repr of PyTorch 2.13 prints it. Reads only the elements that show.
 *
 * @example formatTensor(tensor([1, 2.5])); // 'tensor([1.0000, 2.5000])'
 */
export function formatTensor(tensor: Tensor): string {
  checkTensor('formatTensor', 'tensor', tensor);
  return scope(() =>
    noGrad(() => {
      const { contents, suffixes } = partsOf(tensor);
      const device = tensor.device === 'cpu' ? [] : [`device='${tensor.device}'`];
      const layout = tensor.layout === 'strided' ? [] : [`layout=torch.${tensor.layout}`];
      const all = [...device, ...suffixes, ...layout, ...gradSuffix(tensor)];
      return addSuffixes(PREFIX + contents, all, tensor.layout === 'sparse_coo');
    }),
  );
}

/** A parameter as Python prints it. */
export function formatParameter(parameter: Tensor): string {
  return `Parameter containing:\n${formatTensor(parameter)}`;
}
