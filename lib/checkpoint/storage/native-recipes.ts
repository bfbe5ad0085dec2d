import type { Layout } from '../../ops/index.ts';
import { type DType, noGrad, ops, scope, type Tensor } from '../../tensor/index.ts';
import type { Recipe } from '../values.ts';

type OfKind<Kind extends Recipe['kind']> = Extract<Recipe, { kind: Kind }>;

/** A tensor that is not dense, as torch._utils (PyTorch 2.13.0) rebuilds it; sparse ones are checked as torch.load does. */
export function build(recipe: Recipe, parts: readonly Tensor[]): Tensor {
  return noGrad(() => make(recipe, parts));
}

function make(recipe: Recipe, parts: readonly Tensor[]): Tensor {
  switch (recipe.kind) {
    case 'coo':
      return sparseCoo(recipe, parts as [Tensor, Tensor]);
    case 'compressed':
      return compressed(recipe, parts as [Tensor, Tensor, Tensor]);
    case 'per tensor':
    case 'per channel':
      return quantized(recipe, parts as [Tensor, Tensor, Tensor]);
    case 'meta':
      return meta(recipe);
    case 'nested':
      return nested(...(parts as [Tensor, Tensor, Tensor, Tensor]));
    case 'cast':
      return (parts[0] as Tensor).to(recipe.dtype);
  }
}

function sparseCoo({ size, isCoalesced }: OfKind<'coo'>, [indices, values]: [Tensor, Tensor]): Tensor {
  const { _validate_sparse_coo_tensor_args, _sparse_coo_tensor_unsafe } = ops.aten;
  const known = isCoalesced === undefined ? {} : { is_coalesced: isCoalesced };
  _validate_sparse_coo_tensor_args(indices, values, [...size], known);
  return _sparse_coo_tensor_unsafe(indices, values, [...size], { dtype: values.dtype, ...known });
}

function compressed({ size, layout }: OfKind<'compressed'>, parts: [Tensor, Tensor, Tensor]): Tensor {
  const named = layout as Layout;
  ops.aten._validate_sparse_compressed_tensor_args(...parts, [...size], named);
  return ops.aten._sparse_compressed_tensor_unsafe(...parts, [...size], {
    dtype: parts[2].dtype,
    layout: named,
  });
}

/** An empty tensor with the scales, which then takes the integers' memory. */
function quantized(
  recipe: OfKind<'per tensor'> | OfKind<'per channel'>,
  [integers, scales, zeroPoints]: [Tensor, Tensor, Tensor],
): Tensor {
  const dtype = recipe.dtype as DType;
  const { shape } = integers;
  const empty =
    recipe.kind === 'per tensor'
      ? ops.aten._empty_affine_quantized([0], { scale: recipe.scale, zero_point: recipe.zeroPoint, dtype })
      : ops.aten._empty_per_channel_affine_quantized(
          shape.map((length, dim) => (dim === recipe.axis ? length : 0)),
          { scales, zero_points: zeroPoints, axis: recipe.axis, dtype },
        );
  return scope(() => {
    const storage = integers.untypedStorage();
    return empty.set_(storage, integers.storageOffset(), shape, integers.stride());
  });
}

/** libtorch believes the sizes and offsets; each component must lie in the buffer. */
function nested(buffer: Tensor, sizes: Tensor, strides: Tensor, offsets: Tensor): Tensor {
  const integers = [sizes, strides, offsets].every(
    ({ dtype, device }) => dtype === 'int64' && device === 'cpu',
  );
  const fits = sizes.dim() === 2 && equalShapes(sizes, strides) && offsets.dim() === 1 && buffer.dim() === 1;
  if (!integers || !fits || offsets.shape[0] !== sizes.shape[0])
    throw new RangeError('sizes that do not fit');
  const [size, stride] = [sizes, strides].map((part) => part.toArray() as (number | bigint)[][]);
  const starts = offsets.toArray() as (number | bigint)[];
  for (const [index, start] of starts.entries()) {
    checkComponent(size?.[index] ?? [], stride?.[index] ?? [], Number(start), buffer.numel());
  }
  return ops.aten._nested_view_from_buffer(
    buffer.contiguous(),
    sizes.contiguous(),
    strides.contiguous(),
    offsets.contiguous(),
  );
}

function equalShapes(a: Tensor, b: Tensor): boolean {
  return a.shape.join() === b.shape.join();
}

function checkComponent(
  size: readonly (number | bigint)[],
  stride: readonly (number | bigint)[],
  start: number,
  length: number,
): void {
  const counts = [...size, ...stride, start].map(Number);
  const isEmpty = size.some((extent) => Number(extent) === 0);
  const last = size.reduce<number>(
    (sum, extent, dim) => sum + (Number(extent) - 1) * Number(stride[dim]),
    start,
  );
  const isCounted = counts.every((count) => Number.isSafeInteger(count) && count >= 0);
  if (!isCounted || (isEmpty ? start : last + 1) > length)
    throw new RangeError('a component outside the buffer');
}

function meta({ dtype, size, stride }: OfKind<'meta'>): Tensor {
  return ops.aten.empty_strided([...size], [...stride], { dtype: dtype as DType, device: 'meta' });
}
