// Replays what index_tuples.py recorded: reads and writes by index tuples, refusals included, bit for bit.
import { pythonKind } from './errors.mjs';

const SPECIAL = { bool: Boolean };

function makeTensor(torch, { dtype, shape, data }) {
  const values = dtype.startsWith('complex') ? data.map(([re, im]) => new torch.Complex(re, im)) : data;
  return torch.tensor(values.map(SPECIAL[dtype] ?? ((value) => value)), { dtype }).reshape(shape);
}

function baseOf(torch, { shape, dtype, swap }) {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Array.from({ length: count }, (_, i) => (i * 7 + 3) % 97);
  const whole = torch.tensor(dtype === 'bool' ? values.map((value) => value % 2 === 0) : values, {
    dtype: /^complex/.test(dtype) ? 'float32' : dtype,
  });
  const x = whole.to(dtype).reshape(shape);
  return swap === null
    ? x
    : x
        .transpose(...swap)
        .contiguous()
        .transpose(...swap);
}

function decodeIndex(torch, item) {
  if (typeof item !== 'object' || item === null) return item;
  if ('list' in item) return item.list;
  if ('tensor' in item) return makeTensor(torch, item.tensor);
  const [start, stop, step] = item.slice;
  return start === null && stop === null && step === null ? ':' : torch.slice(start, stop, step ?? 1);
}

/** Python's class of an error that this package throws; integers out of range are found before libtorch is asked. */
export const indexErrorKind = (error) => (error.name === 'RangeError' ? 'IndexError' : pythonKind(error));

const plain = (value) => (typeof value === 'object' && value !== null ? [value.re, value.im] : value);

function facts(part, expected) {
  const data = part.reshape([-1]).toArray().map(plain);
  const got = { dtype: part.dtype, shape: part.shape, data };
  return 'stride' in expected ? { ...got, stride: part.stride() } : got;
}

/** How `run` differs from `expected`; undefined when it does not. */
function difference(expected, run) {
  let got;
  try {
    got = run();
  } catch (error) {
    const kind = indexErrorKind(error);
    if (expected.error === kind) return undefined;
    return `${expected.error ?? 'Python gave a result'} expected, got ${kind}: ${error.message}`;
  }
  if (expected.error !== undefined) return `${expected.error} expected (${expected.message}), got a result`;
  const { view, ...wanted } = expected;
  const seen = facts(got, expected);
  for (const key of Object.keys(wanted)) {
    const [a, b] = [wanted[key], seen[key]].map((value) => JSON.stringify(value));
    if (a !== b) return `${key}: ${a} expected, got ${b}`;
  }
  return undefined;
}

function read(torch, item) {
  const x = baseOf(torch, item);
  const part = x.index(...item.index.map((index) => decodeIndex(torch, index)));
  const isView = part.untypedStorage().dataPtr() === x.untypedStorage().dataPtr();
  if (x.numel() > 0 && 'view' in item.read && isView !== item.read.view)
    throw new Error(`${item.read.view ? 'a view' : 'a copy'} expected`);
  return part;
}

function write(torch, item) {
  const { value } = item;
  const indices = item.index.map((index) => decodeIndex(torch, index));
  const isTensor = typeof value === 'object';
  return baseOf(torch, item).setIndex(indices, isTensor ? makeTensor(torch, value.tensor) : value);
}

/** The differences of one recorded case from Python: none, or one line for the read and one for the write. */
export function replayIndexCase(torch, item) {
  return torch.scope(() => {
    const differences = [
      ['read', difference(item.read, () => read(torch, item))],
      ['write', difference(item.write, () => write(torch, item))],
    ];
    return differences.flatMap(([what, text]) =>
      text === undefined
        ? []
        : [`${what} ${JSON.stringify(item.index)} of ${item.dtype}${JSON.stringify(item.shape)}: ${text}`],
    );
  });
}
