// Values of record.py's calls in this package, and results as record.py would write them.
const FLOATS = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity };
const toNumber = (value) => (typeof value === 'string' ? FLOATS[value] : value);

function toTensor(torch, { tensor, dtype, shape, stride }) {
  const bytes = new Uint8Array(Buffer.from(tensor, 'base64'));
  if (bytes.length === 0) return torch.empty(shape, { dtype });
  const { aten } = torch.ops;
  const dense = aten.view.dtype(torch.tensor(bytes), dtype).reshape(shape);
  if (String(dense.stride()) === String(stride)) return dense;
  // Dimensions that repeat themselves are expanded, others laid out.
  const narrow = stride.some((step, i) => step === 0 && shape[i] > 1);
  if (narrow) return dense;
  return aten.copy_(aten.empty_strided(shape, stride, { dtype }), dense);
}

/** The value of one argument. */
export function decode(torch, value) {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => decode(torch, item));
  if ('tensor' in value) return toTensor(torch, value);
  if ('bigint' in value) return BigInt(value.bigint);
  if ('float' in value) return toNumber(value.float);
  return new torch.Complex(...value.complex.map(toNumber));
}

/** Options by torch's names. */
export const decodeOptions = (torch, kwargs) =>
  Object.fromEntries(Object.entries(kwargs).map(([key, value]) => [key, decode(torch, value)]));

function tensorText(torch, tensor) {
  if (tensor === null) return 'null';
  const dense = tensor.detach().resolveConj().resolveNeg().contiguous();
  const bits = new Uint8Array(
    dense.numel() === 0 ? 0 : torch.ops.aten.view.dtype(dense.reshape([-1]), 'uint8').data(),
  );
  return `${tensor.dtype}[${tensor.shape}] ${Buffer.from(bits).toString('base64')}`;
}

function numberText(value) {
  if (typeof value === 'boolean') return String(value);
  return Object.is(value, -0) ? '-0' : String(value);
}

/** A result as text: dtype, shape and every byte of a tensor. */
export function resultText(torch, value) {
  if (value === undefined || value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map((item) => resultText(torch, item)).join(', ')}]`;
  if (value instanceof torch.Tensor) return tensorText(torch, value);
  if (value instanceof torch.Complex) return `${numberText(value.re)}+${numberText(value.im)}j`;
  return typeof value === 'string' ? value : numberText(value);
}

/** The text of a recorded result. */
export function expectedText(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map(expectedText).join(', ')}]`;
  if (typeof value !== 'object') return typeof value === 'string' ? value : numberText(value);
  if ('tensor' in value) return `${value.dtype}[${value.shape}] ${value.tensor}`;
  if ('bigint' in value) return value.bigint;
  if ('float' in value) return numberText(toNumber(value.float));
  return `${numberText(toNumber(value.complex[0]))}+${numberText(toNumber(value.complex[1]))}j`;
}
