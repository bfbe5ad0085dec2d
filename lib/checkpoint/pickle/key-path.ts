import { PyDict } from './values.ts';

/**
 * Where in the object under construction a pickle machine stands, as in `optimizer.state`, read off its stack.
 * Containers lie beneath the mark that opens their items; dicts with one entry are filled without a mark.
 */
export function keyPath(stack: readonly unknown[], marks: readonly number[]): string {
  const path: string[] = [];
  for (let level = 0; level <= marks.length; level++) {
    const start = level === 0 ? 0 : (marks[level - 1] as number);
    const items = stack.slice(start, marks[level] ?? stack.length);
    path.push(...pending(stack[start - 1], items, level < marks.length));
  }
  return path.join('.');
}

function pending(container: unknown, items: readonly unknown[], open: boolean): string[] {
  if (container instanceof PyDict) return pendingKeys(items);
  if (Array.isArray(container))
    return [String(container.length + Math.max(items.length - (open ? 1 : 0), 0))];
  return singleEntry(items);
}

function pendingKeys(items: readonly unknown[]): string[] {
  const last = items.length - 1;
  const keyAt = last - (last % 2);
  const nested = singleEntry(items);
  if (nested.length > 0 && keyAt >= 2) return [text(items[keyAt - 2]), ...nested];
  return last < 0 ? [] : [text(items[keyAt])];
}

function singleEntry(items: readonly unknown[]): string[] {
  const [dict, key] = items.slice(-2);
  return dict instanceof PyDict && dict.entries.size === 0 && typeof key === 'string' ? [key] : [];
}

function text(key: unknown): string {
  return typeof key === 'string' || typeof key === 'number' ? String(key) : '?';
}
