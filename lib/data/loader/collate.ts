import { checkPositions, describeValue } from '../../options.ts';
import { stack, Tensor, tensor } from '../../tensor/index.ts';
import { batchOfRows } from '../pipeline/rows.ts';

/** What {@link defaultCollate} makes of samples: tensors, typed arrays and numbers become tensors, tuples stay tuples. */
export type Collated<Sample> = Sample extends Tensor | number | bigint | boolean | ArrayBufferView
  ? Tensor
  : Sample extends string
    ? string[]
    : Sample extends ReadonlyMap<infer Key, infer Value>
      ? Map<Key, Collated<Value>>
      : Sample extends readonly unknown[]
        ? { -readonly [Key in keyof Sample]: Collated<Sample[Key]> }
        : Sample extends object
          ? { [Key in keyof Sample]: Collated<Sample[Key]> }
          : never;

/**
 * Makes a batch of samples as torch's `default_collate` (2.13) does. Tensors and typed arrays are stacked, numbers become
 * an `int64` tensor where all are whole and a `float64` one otherwise, bigints `int64`, booleans `bool`, strings a list;
 * tuples, plain objects and Maps are collated member by member. Everything else is refused, as are samples that differ
 * in kind, length or keys.
 *
 * JavaScript does not tell 1 from 1.0. A `DataLoader` therefore remembers for each place in a sample whether its numbers
 * are whole: a later batch of whole ones stays `float64`, and a fraction after whole ones is an error.
 *
 * @throws TypeError or RangeError that names the sample and the place in it.
 */
export function defaultCollate<Sample>(samples: readonly Sample[]): Collated<Sample> {
  checkPositions('defaultCollate', arguments, 1);
  if (!Array.isArray(samples as unknown))
    throw new TypeError(`Expected an array of samples for defaultCollate, got ${describeValue(samples)}`);
  return new Collator().collate(samples);
}

/** {@link defaultCollate} for all batches of a loader. */
export class Collator {
  readonly #numberTypes = new Map<string, 'int64' | 'float64'>();

  collate<Sample>(samples: readonly Sample[]): Collated<Sample> {
    if (samples.length === 0) throw new RangeError('Expected at least one sample to collate, got none');
    return this.#collate(samples, '') as Collated<Sample>;
  }

  #collate(samples: readonly unknown[], path: string): unknown {
    const kind = kindOf(samples[0]);
    const other = samples.findIndex((sample) => kindOf(sample) !== kind);
    if (other >= 0) throw different(path, other, samples);
    switch (kind) {
      case 'tensor':
        return batchOfRows(samples as Tensor[]) ?? stack(samples as Tensor[], 0);
      case 'typed array':
        return stackArrays(samples as ArrayBufferView[], path);
      case 'number':
        return this.#numbers(samples as number[], path);
      case 'bigint':
        return tensor([...(samples as bigint[])], { dtype: 'int64' });
      case 'boolean':
        return tensor([...(samples as boolean[])], { dtype: 'bool' });
      case 'string':
        return [...samples];
      case 'tuple':
        return this.#tuples(samples as unknown[][], path);
      case 'map':
        return this.#maps(samples as ReadonlyMap<unknown, unknown>[], path);
      case 'record':
        return this.#records(samples as Record<string, unknown>[], path);
      default:
        throw unknownKind(samples[0], path);
    }
  }

  #numbers(samples: readonly number[], path: string): Tensor {
    const fraction = samples.findIndex((value) => !Number.isSafeInteger(value));
    const known = this.#numberTypes.get(path);
    if (known === 'int64' && fraction >= 0) {
      throw new TypeError(
        `Expected whole numbers for ${placeOf(path, fraction)}, as in the batches before, got ${samples[fraction]}; ` +
          "give tensors, such as tensor(x, { dtype: 'float32' }), or pass collate",
      );
    }
    const dtype = known ?? (fraction >= 0 ? 'float64' : 'int64');
    this.#numberTypes.set(path, dtype);
    return tensor([...samples], { dtype });
  }

  #tuples(samples: readonly (readonly unknown[])[], path: string): unknown[] {
    const [first] = samples as [readonly unknown[]];
    const other = samples.findIndex((sample) => sample.length !== first.length);
    if (other >= 0) {
      const got = `${samples[other]?.length} and ${first.length} in sample 0`;
      throw new RangeError(
        `Expected arrays of one length for ${placeOf(path, other)}, got ${got}; pass collateFn`,
      );
    }
    return Array.from(first, (_, i) =>
      this.#collate(
        samples.map((sample) => sample[i]),
        `${path}[${i}]`,
      ),
    );
  }

  #records(samples: readonly Record<string, unknown>[], path: string): Record<string, unknown> {
    const keys = Object.keys(samples[0] as object);
    for (const [i, sample] of samples.entries()) checkKeys(keys, Object.keys(sample), path, i);
    const entries = keys.map((key) => [key, this.#member(samples, (sample) => sample[key], path, key)]);
    return Object.fromEntries(entries);
  }

  #maps(samples: readonly ReadonlyMap<unknown, unknown>[], path: string): Map<unknown, unknown> {
    const keys = [...(samples[0] as ReadonlyMap<unknown, unknown>).keys()];
    for (const [i, sample] of samples.entries()) checkKeys(keys, [...sample.keys()], path, i);
    return new Map(keys.map((key) => [key, this.#member(samples, (sample) => sample.get(key), path, key)]));
  }

  #member<S>(samples: readonly S[], member: (sample: S) => unknown, path: string, key: unknown): unknown {
    return this.#collate(samples.map(member), `${path}[${JSON.stringify(key)}]`);
  }
}

/** What {@link defaultConvert} makes of a sample: typed arrays become tensors, all else stays. */
export type Converted<Sample> = Sample extends Tensor | DataView
  ? Sample
  : Sample extends ArrayBufferView
    ? Tensor
    : Sample extends ReadonlyMap<infer Key, infer Value>
      ? Map<Key, Converted<Value>>
      : Sample extends readonly unknown[]
        ? { -readonly [Key in keyof Sample]: Converted<Sample[Key]> }
        : { [Key in keyof Sample]: Converted<Sample[Key]> };

/**
 * Makes tensors of the typed arrays in a sample, as torch's `default_convert` (2.13) of numpy's: in arrays, Maps and plain
 * objects too. All else stays as it is.
 *
 * @example defaultConvert([new Float32Array([1, 2]), 1]); // [tensor, 1]
 */
export function defaultConvert<Sample>(sample: Sample): Converted<Sample> {
  checkPositions('defaultConvert', arguments, 1);
  return convert(sample) as Converted<Sample>;
}

function convert(value: unknown): unknown {
  const kind = kindOf(value);
  if (kind === 'typed array') return tensor(value as Float32Array);
  if (kind === 'tuple') return (value as unknown[]).map(convert);
  if (kind === 'map') return new Map([...(value as Map<unknown, unknown>)].map(([k, v]) => [k, convert(v)]));
  if (kind !== 'record') return value;
  return Object.fromEntries(Object.entries(value as object).map(([k, v]) => [k, convert(v)]));
}

function kindOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  if (value instanceof Tensor) return 'tensor';
  if (Array.isArray(value)) return 'tuple';
  if (value instanceof Map) return 'map';
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return 'typed array';
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? 'record' : nameOf(value);
}

function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return `a ${value.constructor?.name ?? 'object'}`;
}

function stackArrays(arrays: readonly ArrayBufferView[], path: string): Tensor {
  const lengths = (arrays as unknown as { length: number }[]).map(({ length }) => length);
  const other = lengths.findIndex((length) => length !== lengths[0]);
  if (other >= 0) {
    const got = `${lengths[other]} and ${lengths[0]} in sample 0`;
    throw new RangeError(
      `Expected typed arrays of one length for ${placeOf(path, other)}, got ${got}; pass collateFn`,
    );
  }
  const kinds = arrays.map((array) => (array as Uint8Array)[Symbol.toStringTag]); // a Buffer is a Uint8Array
  const differs = kinds.findIndex((kind) => kind !== kinds[0]);
  if (differs >= 0) {
    const got = `${kinds[differs]} and ${kinds[0]} in sample 0`;
    throw new TypeError(
      `Expected typed arrays of one kind for ${placeOf(path, differs)}, got ${got}; pass collateFn`,
    );
  }
  return stack(
    arrays.map((array) => tensor(array as Float32Array)),
    0,
  );
}

function checkKeys(keys: readonly unknown[], found: readonly unknown[], path: string, sample: number): void {
  const missing = keys.find((key) => !found.includes(key));
  const extra = found.find((key) => !keys.includes(key));
  if (missing === undefined && extra === undefined) return;
  const got =
    missing === undefined ? `also ${JSON.stringify(extra)}` : `none called ${JSON.stringify(missing)}`;
  throw new RangeError(
    `Expected the keys of sample 0 for ${placeOf(path, sample)}, got ${got}; pass collateFn`,
  );
}

function placeOf(path: string, sample: number): string {
  return path === '' ? `sample ${sample} of a batch` : `sample ${sample} of a batch, ${path}`;
}

function different(path: string, other: number, samples: readonly unknown[]): TypeError {
  const [got, first] = [kindOf(samples[other]), kindOf(samples[0])];
  return new TypeError(
    `Expected one kind of value for ${placeOf(path, other)}, got ${got} and ${first} in sample 0; pass collateFn`,
  );
}

function unknownKind(value: unknown, path: string): TypeError {
  return new TypeError(
    'Expected tensors, typed arrays, numbers, bigints, booleans, strings, tuples, Maps or plain objects for ' +
      `${placeOf(path, 0)}, got ${nameOf(value)}; pass collateFn`,
  );
}
