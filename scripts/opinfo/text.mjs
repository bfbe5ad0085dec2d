// Results as text, this package's and recorded ones alike: dtype, shape, strides, flags, whose memory, and every byte.
import { toNumber } from './decode.mjs';

/** In place of what follows from memory that nothing had written. */
const UNWRITTEN = '(unwritten)';
const COMPRESSED_ROWS = new Set(['sparse_csr', 'sparse_bsr']);

function numberText(value) {
  if (typeof value === 'boolean') return String(value);
  return Object.is(value, -0) ? '-0' : String(value);
}

const complexText = (re, im) => `${numberText(re)}+${numberText(im)}j`;
const geometry = ({ dtype, shape, stride }) => `${dtype}[${shape}](${stride})`;

/** Texts of results of one call, whose arguments lie in `storages`. */
export class ResultText {
  #torch;
  #storages;
  #unwritten;

  constructor(torch, storages, unwritten) {
    this.#torch = torch;
    this.#storages = storages;
    this.#unwritten = unwritten;
  }

  of(value) {
    const { Tensor, Complex, UntypedStorage, Generator } = this.#torch;
    if (value === undefined || value === null) return 'null';
    if (Array.isArray(value)) return `[${value.map((item) => this.of(item)).join(', ')}]`;
    if (value instanceof Tensor) return this.#tensor(value);
    if (value instanceof Complex) return complexText(value.re, value.im);
    if (value instanceof Generator) return 'generator';
    if (value instanceof UntypedStorage) return 'storage';
    if (typeof value === 'object') return this.of(Object.values(value));
    if (this.#unwritten && typeof value !== 'string') return UNWRITTEN;
    return typeof value === 'string' ? value : numberText(value);
  }

  #tensor(tensor) {
    const { aten } = this.#torch.ops;
    const layout = tensor.layout;
    const facts = { dtype: tensor.dtype, shape: tensor.shape };
    if (layout !== 'strided') return this.#sparse(tensor, layout);
    const placed = geometry({ ...facts, stride: tensor.stride() });
    if (tensor.device === 'meta') return `${placed} meta`;
    if (tensor.dtype.startsWith('q')) return this.#quantized(tensor, facts);
    if (aten._is_zerotensor(tensor)) return `${placed} zeros`;
    return `${placed}${this.#flags(tensor)}@${this.#alias(tensor)} ${this.#data(tensor)}`;
  }

  #quantized(tensor, facts) {
    const { aten } = this.#torch.ops;
    const numbers = aten.int_repr(tensor);
    const steps = `${aten.q_scale(tensor)} ${aten.q_zero_point(tensor)}`;
    return `${geometry({ ...facts, stride: numbers.stride() })} ${steps} ${this.#data(numbers)}`;
  }

  #sparse(tensor, layout) {
    const { aten } = this.#torch.ops;
    const plain = tensor.detach();
    const coalesced = layout === 'sparse_coo' && aten.is_coalesced(plain);
    const parts = this.#parts(plain, layout).map((part) => this.of(part));
    return `${layout}[${tensor.shape}] ${coalesced} (${parts.join(', ')})`;
  }

  #parts(tensor, layout) {
    const { aten } = this.#torch.ops;
    if (layout === 'sparse_coo') return [aten._indices(tensor), aten._values(tensor)];
    const indices = COMPRESSED_ROWS.has(layout)
      ? [aten.crow_indices(tensor), aten.col_indices(tensor)]
      : [aten.ccol_indices(tensor), aten.row_indices(tensor)];
    return [...indices, aten.values(tensor)];
  }

  #flags(tensor) {
    const { aten } = this.#torch.ops;
    return (aten.is_conj(tensor) ? 'c' : '') + (aten.is_neg(tensor) ? 'n' : '');
  }

  #alias(tensor) {
    const storage = tensor.untypedStorage();
    if (storage.nbytes === 0) return -1;
    const pointer = storage.dataPtr();
    return this.#storages.findIndex((known) => known.dataPtr() === pointer);
  }

  #data(tensor) {
    if (this.#unwritten) return UNWRITTEN;
    const data = tensor.detach().data();
    // Any byte but zero is true.
    if (tensor.dtype === 'bool') return Buffer.from(data.map(Boolean)).toString('base64');
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
  }
}

/** The text of a recorded result. */
export function expectedText(value, unwritten = false) {
  const text = (item) => expectedText(item, unwritten);
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map(text).join(', ')}]`;
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return unwritten ? UNWRITTEN : numberText(value);
  if ('sparse' in value) return sparseText(value, text);
  if ('dtype' in value) return recordedTensor(value, unwritten);
  if ('generator' in value) return 'generator';
  if ('untyped' in value) return 'storage';
  return recordedNumber(value, unwritten) ?? text(Object.values(value));
}

function recordedNumber(value, unwritten) {
  const isNumber = 'bigint' in value || 'float' in value || 'complex' in value;
  if (!isNumber) return undefined;
  if (unwritten) return UNWRITTEN;
  if ('bigint' in value) return value.bigint;
  return 'float' in value ? numberText(toNumber(value.float)) : complexText(...value.complex.map(toNumber));
}

const sparseText = ({ sparse, layout, shape, coalesced }, text) =>
  `${layout}[${shape}] ${coalesced} (${sparse.map(text).join(', ')})`;

function recordedTensor(value, unwritten) {
  const placed = geometry(value);
  if ('meta' in value) return `${placed} meta`;
  if ('zeros' in value) return `${placed} zeros`;
  const data = unwritten ? UNWRITTEN : value.tensor;
  if ('quantized' in value) return `${placed} ${value.quantized.scale} ${value.quantized.zero} ${data}`;
  return `${placed}${value.flags}@${value.alias} ${data}`;
}

const SHOWN = 90;

/** Both texts around the first place where they differ, with the messages of errors. */
export function differenceText(expected, got, expectedMessage, gotMessage) {
  let at = 0;
  while (at < expected.length && expected[at] === got[at]) at++;
  const part = (text) => text.slice(Math.max(0, at - SHOWN), at + SHOWN);
  const message = (text) => (text === undefined ? '' : ` (${text})`);
  return `expected ${part(expected)}${message(expectedMessage)}, got ${part(got)}${message(gotMessage)}`;
}
