// Arguments of record.py's calls in this package: tensors over one storage lie over one here too.
const FLOATS = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity };
const QUANTIZED = { quint8: 'uint8', qint8: 'int8', qint32: 'int32' };

/** A recorded float. */
export const toNumber = (value) => (typeof value === 'string' ? FLOATS[value] : value);

const bytesOf = (text) => new Uint8Array(Buffer.from(text, 'base64'));

/** The arguments of one call; made anew for each way of calling. */
export class Decoder {
  storages;
  #torch;

  constructor(torch, storages) {
    this.#torch = torch;
    this.storages = storages.map((text) => torch.tensor(bytesOf(text)).untypedStorage());
  }

  value(item) {
    if (typeof item !== 'object' || item === null) return item;
    if (Array.isArray(item)) return item.map((element) => this.value(element));
    if ('bigint' in item) return BigInt(item.bigint);
    if ('float' in item) return toNumber(item.float);
    if ('complex' in item) return new this.#torch.Complex(...item.complex.map(toNumber));
    if ('generator' in item) return new this.#torch.Generator().manualSeed(item.generator);
    if ('untyped' in item) return this.storages[item.untyped];
    return 'dtype' in item || 'sparse' in item ? this.tensor(item) : this.options(item);
  }

  options(kwargs) {
    return Object.fromEntries(Object.entries(kwargs).map(([key, item]) => [key, this.value(item)]));
  }

  tensor(item) {
    const { aten } = this.#torch.ops;
    const { dtype, shape, stride } = item;
    if ('sparse' in item) return this.#sparse(item);
    if ('quantized' in item) return this.#quantized(item);
    if ('meta' in item) return aten.empty_strided(shape, stride, { dtype, device: 'meta' });
    if ('zeros' in item) return aten._efficientzerotensor(shape, { dtype });
    return this.#placed(item);
  }

  #placed({ storage, offset, dtype, shape, stride, flags }) {
    const { aten } = this.#torch.ops;
    // tensorFromStorage would keep the storage from being resized.
    const place = aten.set_.source_Storage_storage_offset;
    const made = place(aten.empty([0], { dtype }), this.storages[storage], offset, shape, stride);
    const negated = flags.includes('n') ? aten._neg_view(made) : made;
    return flags.includes('c') ? aten._conj(negated) : negated;
  }

  #sparse({ sparse, layout, shape, coalesced }) {
    const { aten } = this.#torch.ops;
    const parts = sparse.map((part) => this.tensor(part));
    const { dtype } = parts.at(-1);
    if (layout !== 'sparse_coo')
      return aten._sparse_compressed_tensor_unsafe(...parts, shape, { dtype, layout });
    const made = aten._sparse_coo_tensor_unsafe(...parts, shape, { dtype });
    return coalesced ? aten._coalesced_(made, true) : made;
  }

  #quantized({ tensor, dtype, shape, quantized }) {
    const { aten } = this.#torch.ops;
    const whole = this.#torch.tensor(bytesOf(tensor));
    const numbers = aten.view.dtype(whole, QUANTIZED[dtype]).reshape(shape);
    return aten._make_per_tensor_quantized_tensor(numbers, quantized.scale, quantized.zero);
  }
}
