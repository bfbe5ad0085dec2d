/** Writes loaded values the way scripts/fixtures/checkpoint/checkpoint.py does, so that both can be compared as JSON. */
export interface EncodedTensor {
  dtype: string;
  size: number[];
  stride: number[];
  offset: number;
  requiresGrad: boolean;
  storage: number;
  storageBytes: number;
  data: string;
  conj?: true;
  neg?: true;
}

/** How to look into tensors and storages of one backend. */
export interface TensorSource {
  tensor(value: unknown, numberOf: (storage: unknown) => number): EncodedTensor | undefined;
  storage(value: unknown): Uint8Array | undefined;
  complex(value: unknown): [number, number] | undefined;
}

/** The JSON form of a loaded value. */
export function encode(value: unknown, inspector: TensorSource): unknown {
  return new Encoder(inspector).value(value);
}

class Encoder {
  private readonly seen = new Map<unknown, number>();
  private readonly storages = new Map<unknown, number>();

  constructor(private readonly inspector: TensorSource) {}

  value(value: unknown): unknown {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'bigint') return { $int: String(value) };
    if (typeof value === 'number') return encodeNumber(value);
    return this.object(value);
  }

  private object(value: unknown): unknown {
    const tensor = this.inspector.tensor(value, (storage) => number(this.storages, storage));
    if (tensor) return { $tensor: tensor };
    const storage = this.inspector.storage(value);
    if (storage) return { $storage: base64(storage) };
    const complex = this.inspector.complex(value);
    if (complex) return { $complex: complex.map((part) => this.value(part)) };
    return value instanceof Uint8Array ? { $bytes: base64(value) } : this.container(value);
  }

  private container(value: unknown): unknown {
    if (Object.isFrozen(value)) return { $tuple: (value as unknown[]).map((item) => this.value(item)) };
    if (this.seen.has(value)) return { $same: this.seen.get(value) };
    number(this.seen, value);
    if (Array.isArray(value)) return value.map((item) => this.value(item));
    if (value instanceof Set) return { $set: sorted([...value].map((item) => this.value(item))) };
    if (value instanceof Map) return this.map(value);
    return { $object: Object.entries(value as object).map(([key, item]) => [key, this.value(item)]) };
  }

  private map(map: Map<unknown, unknown>): unknown {
    const entries = [...map].map(([key, item]) => [this.value(key), this.value(item)]);
    const metadata = (map as { _metadata?: unknown })._metadata;
    return { $map: entries, ...(metadata === undefined ? {} : { metadata: this.value(metadata) }) };
  }
}

function number(numbers: Map<unknown, number>, value: unknown): number {
  if (!numbers.has(value)) numbers.set(value, numbers.size);
  return numbers.get(value) as number;
}

function encodeNumber(value: number): unknown {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : { $float: value };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function sorted(values: unknown[]): unknown[] {
  return values.sort((a, b) => (String(a) < String(b) ? -1 : 1));
}

/**
 * The expectation in the same form: JavaScript has one kind of number, so Python's whole floats become integers
 * and the rest are compared as numbers.
 */
export function normalize(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalize);
  if (typeof value !== 'object' || value === null) return value;
  if ('$float' in value) return encodeNumber(floatOf(String(value.$float)));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, normalize(item)]));
}

function floatOf(text: string): number {
  if (text === 'inf' || text === '-inf') return text === 'inf' ? Infinity : -Infinity;
  return text === 'nan' ? Number.NaN : Number(text);
}
