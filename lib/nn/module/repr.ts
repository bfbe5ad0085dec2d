/** A value as Python's `str` prints it, so that modules print as PyTorch's do. */
export function pythonRepr(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return pythonNumber(value);
  if (Array.isArray(value)) return pythonTuple(value);
  return String(value);
}

function pythonTuple(values: readonly unknown[]): string {
  const items = values.map(pythonRepr);
  return items.length === 1 ? `(${items[0]},)` : `(${items.join(', ')})`;
}

/** Python changes to exponents below 1e-4 and from 1e16 on, and writes them with two digits. */
function pythonNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e16) return String(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return String(value);
}

/** A number that Python holds as a float, so that whole ones have a point: `1.0`. */
export function pythonFloat(value: number): string {
  const text = pythonNumber(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** A shape as PyTorch's messages print it. */
export function torchSize(shape: readonly number[]): string {
  return `torch.Size([${shape.join(', ')}])`;
}

/** Indents every line but the first. */
export function indentRest(text: string, spaces = 2): string {
  return text.replaceAll('\n', `\n${' '.repeat(spaces)}`);
}

/** `Name(extra)`, or with children one per line, in PyTorch's layout. */
export function moduleRepr(name: string, extra: string, children: readonly string[]): string {
  const extraLines = extra === '' ? [] : extra.split('\n');
  if (children.length === 0 && extraLines.length <= 1) return `${name}(${extra})`;
  return `${name}(\n  ${[...extraLines, ...children].join('\n  ')}\n)`;
}
