import { stack, Tensor, tensor } from '../tensor/index.ts';

/** What {@link defaultCollate} makes of samples: tensors and numbers become tensors, tuples stay tuples. */
export type Collated<Sample> = Sample extends Tensor | number
  ? Tensor
  : Sample extends string
    ? string[]
    : Sample extends readonly unknown[]
      ? { -readonly [Key in keyof Sample]: Collated<Sample[Key]> }
      : Sample extends object
        ? { [Key in keyof Sample]: Collated<Sample[Key]> }
        : never;

/**
 * Makes a batch of samples as torch's `default_collate` does: tensors are stacked, integers become an `int64`
 * tensor, other numbers `float64`, strings a list; tuples and objects are collated member by member.
 */
export function defaultCollate<Sample>(samples: readonly Sample[]): Collated<Sample> {
  return collate(samples) as Collated<Sample>;
}

function collate(samples: readonly unknown[]): unknown {
  const first = samples[0];
  if (first instanceof Tensor) return stack(samples as Tensor[], 0);
  if (typeof first === 'number') return collateNumbers(samples as number[]);
  if (typeof first === 'string') return [...samples];
  if (Array.isArray(first))
    return first.map((_, i) => collate(samples.map((sample) => (sample as unknown[])[i])));
  if (typeof first === 'object' && first !== null)
    return collateObjects(samples as Record<string, unknown>[]);
  throw new TypeError(
    `Expected tensors, numbers, strings, tuples or objects for DataLoader samples, got ${typeof first}; pass collate`,
  );
}

function collateNumbers(samples: readonly number[]): Tensor {
  return tensor([...samples], { dtype: samples.every(Number.isInteger) ? 'int64' : 'float64' });
}

function collateObjects(samples: readonly Record<string, unknown>[]): Record<string, unknown> {
  const keys = Object.keys(samples[0] as object);
  return Object.fromEntries(keys.map((key) => [key, collate(samples.map((sample) => sample[key]))]));
}
