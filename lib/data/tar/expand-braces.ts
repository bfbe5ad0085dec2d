const RANGE = /\{(\d+)\.\.(\d+)\}/;
const MOST = 1_000_000;

/**
 * The names that a pattern stands for, as WebDataset's users write shards: `train-{0000..0146}.tar`. Numbers have as many
 * digits as the first one.
 */
export function expandBraces(pattern: string): string[] {
  const match = RANGE.exec(pattern);
  if (match === null) return [pattern];
  const [whole, from, to] = match as unknown as [string, string, string];
  const count = Number(to) - Number(from) + 1;
  if (count < 1 || count > MOST) {
    throw new RangeError(`Expected a range that goes up for WebDataset, got ${whole} in ${pattern}`);
  }
  return Array.from({ length: count }, (_, i) => {
    const number = String(Number(from) + i).padStart(from.length, '0');
    return pattern.slice(0, match.index) + number + pattern.slice(match.index + whole.length);
  }).flatMap(expandBraces);
}
