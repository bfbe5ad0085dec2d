/**
 * Whether a version satisfies specifiers such as `>=13.0.88,<14` or `==13.1.1.3.*` (the part of Python's
 * version rules that torch's requirements use; an empty list is satisfied by all).
 */
export function satisfies(version: string, specifiers: string): boolean {
  return specifiers
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .every((one) => satisfiesOne(version, one));
}

function satisfiesOne(version: string, specifier: string): boolean {
  const match = /^(===|==|!=|<=|>=|~=|<|>)\s*(.+)$/.exec(specifier);
  if (!match) return false;
  const [, operator, wanted = ''] = match;
  if (wanted.endsWith('.*')) return isPrefix(wanted.slice(0, -2), version) === (operator === '==');
  const order = compareVersions(version, wanted);
  switch (operator) {
    case '===':
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    default:
      // ~=3.8.1 is >=3.8.1 and ==3.8.*
      return order >= 0 && isPrefix(wanted.split('.').slice(0, -1).join('.'), version);
  }
}

/** Orders versions by release numbers, zeros at the end ignored; a local part (`+cpu`) counts only when both have one. */
export function compareVersions(a: string, b: string): number {
  const [releaseA = '', localA] = a.split('+');
  const [releaseB = '', localB] = b.split('+');
  const left = releaseA.split('.');
  const right = releaseB.split('.');
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order = comparePart(left[i] ?? '0', right[i] ?? '0');
    if (order !== 0) return order;
  }
  return localB === undefined || localA === localB ? 0 : (localA ?? '') < localB ? -1 : 1;
}

function comparePart(a: string, b: string): number {
  return a === b ? 0 : a.localeCompare(b, 'en', { numeric: true });
}

function isPrefix(prefix: string, version: string): boolean {
  const parts = (version.split('+')[0] ?? '').split('.');
  return prefix.split('.').every((part, i) => comparePart(parts[i] ?? '0', part) === 0);
}
