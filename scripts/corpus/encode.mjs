// What the package read, in the form in which encode.py writes what Python has.
const base64 = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** A small tensor's numbers. */
export const plain = (tensor) => tensor?.toArray();

/** Python's whole floats as integers, since JavaScript has one kind of number. */
export function normalized(value) {
  if (Array.isArray(value)) return value.map(normalized);
  if (typeof value !== 'object' || value === null) return value;
  if ('$float' in value) return numberOf(Number(FLOATS[value.$float] ?? value.$float));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, normalized(item)]));
}

const FLOATS = { inf: 'Infinity', '-inf': '-Infinity', nan: 'NaN' };

function numberOf(value) {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : { $float: String(value) };
}

/** The JSON form of a loaded value. */
export function encodeLoaded(value, torch) {
  return new Encoder(torch).value(value);
}

class Encoder {
  #torch;
  #seen = new Map();
  #storages = new Map();

  constructor(torch) {
    this.#torch = torch;
  }

  value(value) {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'bigint') return { $int: String(value) };
    if (typeof value === 'number') return numberOf(value);
    return this.#special(value) ?? this.#container(value);
  }

  #special(value) {
    const { Complex, InertGlobal, InertObject, UntypedStorage, isTensor } = {
      ...this.#torch,
      ...this.#torch.checkpoint,
    };
    if (isTensor(value)) return this.#tensor(value);
    if (value instanceof UntypedStorage) return { $storage: base64(value.bytes()) };
    if (value instanceof Complex) return { $complex: [this.value(value.re), this.value(value.im)] };
    if (value instanceof Uint8Array) return { $bytes: base64(value) };
    if (value instanceof InertGlobal) return { $global: value.name };
    return value instanceof InertObject ? this.#object(value) : undefined;
  }

  #object(value) {
    const { className, args, keywords, items, entries, state } = value;
    if (value.value !== undefined) return { $inert: className, value: this.value(value.value) };
    if (this.#seen.has(value)) return { $same: this.#seen.get(value) };
    if (className === 'numpy.ndarray') return { $ndarray: arrayOf(state) };
    if (/^numpy\.(void|c?longdouble)$/.test(className)) return { $inert: className, data: base64(args[0]) };
    if (className === 'numpy.timedelta64')
      return { $inert: className, args: args.map((arg) => this.value(arg)) };
    this.#number(this.#seen, value);
    return {
      $inert: className,
      args: args.map((arg) => this.value(arg)),
      ...(keywords === undefined ? {} : { keywords: this.value(keywords) }),
      ...(items === undefined ? {} : { items: this.value(items) }),
      ...(entries === undefined ? {} : { entries: this.value(entries) }),
      ...(state === undefined ? {} : { state: this.value(state) }),
    };
  }

  #container(value) {
    if (Array.isArray(value) && Object.isFrozen(value))
      return { $tuple: value.map((item) => this.value(item)) };
    if (this.#seen.has(value)) return { $same: this.#seen.get(value) };
    this.#number(this.#seen, value);
    if (Array.isArray(value)) return value.map((item) => this.value(item));
    if (value instanceof Set) return { $set: [...value].map((item) => this.value(item)).sort(byText) };
    const entries = value instanceof Map ? [...value] : Object.entries(value);
    const encoded = entries.map(([key, item]) => [this.value(key), this.value(item)]);
    return { [value instanceof Map ? '$map' : '$object']: encoded };
  }

  #number(table, key) {
    if (!table.has(key)) table.set(key, table.size);
    return table.get(key);
  }

  #tensor(value) {
    if (value.dtype.startsWith('q')) return this.#quantized(value);
    if (isNested(value, this.#torch.ops.aten)) return { $nested: value.unbind().map(numbers) };
    if (value.device.startsWith('meta'))
      return { $meta: [value.dtype, value.shape, value.stride(), value.requiresGrad] };
    if (value.layout !== 'strided') return this.#sparse(value);
    const storage = value.untypedStorage();
    const key = storage.nbytes === 0 ? value : storage.dataPtr();
    const made = {
      dtype: value.dtype,
      size: value.shape,
      stride: value.stride(),
      offset: value.storageOffset(),
    };
    const place = { requiresGrad: value.requiresGrad, storage: this.#number(this.#storages, key) };
    return { $tensor: { ...made, ...place, storageBytes: storage.nbytes, data: numbers(value) } };
  }

  #sparse(value) {
    const { aten } = this.#torch.ops;
    const plainValue = value.detach();
    const rows = value.layout === 'sparse_csr' || value.layout === 'sparse_bsr';
    const names = rows ? ['crow_indices', 'col_indices'] : ['ccol_indices', 'row_indices'];
    const isCoo = value.layout === 'sparse_coo';
    const getters = isCoo ? ['_indices', '_values'] : [...names, 'values'];
    const parts = getters
      .map((name) => aten[name](plainValue))
      .map((part) => [part.dtype, part.shape, numbers(part)]);
    const coalesced = isCoo ? aten.is_coalesced(plainValue) : null;
    return { $sparse: [value.layout, value.shape, coalesced, value.requiresGrad, parts] };
  }

  #quantized(value) {
    const { aten } = this.#torch.ops;
    const made = [value.dtype, value.shape, value.stride(), numbers(aten.int_repr(value))];
    try {
      return { $quantized: [...made, numberOf(aten.q_scale(value)), aten.q_zero_point(value)] };
    } catch {
      const channels = [aten.q_per_channel_scales(value), aten.q_per_channel_zero_points(value)].map(numbers);
      return { $quantized: [...made, ...channels, aten.q_per_channel_axis(value)] };
    }
  }
}

function isNested(tensor, aten) {
  try {
    return aten._nested_tensor_size(tensor).dim() === 2;
  } catch {
    return false;
  }
}

/** The elements' bytes, row by row. */
function numbers(tensor) {
  const rows = tensor.detach().contiguous().clone().resolveConj();
  return base64(rows.untypedStorage().bytes());
}

function arrayOf({ shape, dtype, data }) {
  return { shape: [...shape], dtype, data: base64(data) };
}

function byText(a, b) {
  return String(a) < String(b) ? -1 : 1;
}
