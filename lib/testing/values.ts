import { isComplex, type Tensor } from '../tensor/index.ts';

const WIDENED = /^(float16|bfloat16|float8|float4|complex32)/;

/**
 * The numbers of a tensor on the CPU, dense, without their graph and in a dtype that all comparisons know. Call it within
 * `scope`.
 */
export function plainNumbers(x: Tensor): Tensor {
  let numbers = x.detach().cpu();
  if (numbers.dtype.startsWith('q')) numbers = numbers.dequantize();
  if (numbers.layout !== 'strided') numbers = numbers.toDense();
  if (WIDENED.test(numbers.dtype)) numbers = numbers.to(isComplex(numbers.dtype) ? 'complex64' : 'float32');
  return numbers;
}

/** What two tensors must have alike before their numbers are compared, as text; undefined where they do. */
export function differentKind(
  a: Tensor,
  b: Tensor,
  checked: { dtype: boolean; device: boolean },
): string | undefined {
  const shape = (x: Tensor) => `[${x.shape.join(', ')}]`;
  if (shape(a) !== shape(b)) return `a tensor of shape ${shape(b)}, got ${shape(a)}`;
  if (checked.dtype && a.dtype !== b.dtype) return `a tensor of dtype ${b.dtype}, got ${a.dtype}`;
  if (checked.device && a.device !== b.device) return `a tensor on ${b.device}, got one on ${a.device}`;
  return undefined;
}
