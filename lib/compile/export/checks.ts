/** The part of an exported file that refuses inputs which the network was not written for. */

/** A size that a file takes: that number, or any from a least one on. */
export type ExportedSize = number | { readonly atLeast: number };

/** The parameter whose dtype the inputs must have. */
export interface DTypeOf {
  key: string;
  dtype: string;
}

/**
 * TorchScript source of a `forward` that checks its inputs and calls `_traced_forward`.
 *
 * @param weight Null where inputs may have any dtype.
 */
export function checkedForward(
  names: readonly string[],
  shapes: readonly (readonly ExportedSize[])[],
  weight: DTypeOf | null,
): string {
  const checks = names.flatMap((name, i) => {
    const sizes = sizeCheck(name, shapes[i] as readonly ExportedSize[]);
    return weight === null ? sizes : [...sizes, ...dtypeCheck(name, weight)];
  });
  return [
    `def forward(self, ${names.map((name) => `${name}: Tensor`).join(', ')}):`,
    ...checks,
    `    return self._traced_forward(${names.join(', ')})`,
    '',
  ].join('\n');
}

function sizeCheck(name: string, sizes: readonly ExportedSize[]): string[] {
  const right = sizes.flatMap((size, dim) => {
    if (typeof size === 'number') return [`${name}.size(${dim}) == ${size}`];
    return size.atLeast > 0 ? [`${name}.size(${dim}) >= ${size.atLeast}`] : [];
  });
  const message = `"Expected ${name} of shape ${describeShape(sizes)}, got {}".format(${name}.size())`;
  return [`    assert ${[`${name}.dim() == ${sizes.length}`, ...right].join(' and ')}, ${message}`];
}

/** `[N, 3, H >= 28, W >= 28]` */
export function describeShape(sizes: readonly ExportedSize[]): string {
  const letters = sizes.length === 4 ? ['N', 'C', 'H', 'W'] : sizes.map((_, i) => (i === 0 ? 'N' : `D${i}`));
  const shown = sizes.map((size, i) => {
    if (typeof size === 'number') return String(size);
    return size.atLeast > 0 ? `${letters[i]} >= ${size.atLeast}` : letters[i];
  });
  return `[${shown.join(', ')}]`;
}

function dtypeCheck(name: string, { key, dtype }: DTypeOf): string[] {
  const advice = `Expected ${name} with the dtype of ${key}, which was ${dtype} when this file was written; convert one of them`;
  return [`    assert ${name}.dtype == ${attribute(key)}.dtype, ${JSON.stringify(advice)}`];
}

/** `layer1.0.weight` is no expression of Python's. */
const attribute = (key: string) =>
  key.split('.').reduce((owner, name) => `getattr(${owner}, ${JSON.stringify(name)})`, 'self');
