import { isTensor, type Tensor } from '../../lib/tensor/index.ts';

/** A value as scripts/bad-input/torch.py reads it. */
export function encode(value: unknown): unknown {
  if (value === undefined) return { undefined: true };
  if (isTensor(value)) return encodeTensor(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : { float: String(value) };
  if (typeof value === 'function') return { function: value.name };
  if (typeof value === 'bigint') return { bigint: String(value) };
  if (Array.isArray(value) && value.constructor === Array) return value.map(encode);
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return { made: value.constructor.name };
  return { options: Object.fromEntries(Object.entries(value).map(([key, item]) => [key, encode(item)])) };
}

function encodeTensor(x: Tensor): unknown {
  const { dtype, shape, requiresGrad } = x;
  if (x.layout !== 'strided') return { made: 'Tensor' };
  const plain = x.detach().resolveConj().contiguous();
  const numbers = dtype.startsWith('complex') ? plain.viewAsReal() : plain;
  const bytes = new Uint8Array((numbers.data() as Float32Array).slice().buffer);
  return { tensor: Buffer.from(bytes).toString('base64'), dtype, shape, requiresGrad };
}
