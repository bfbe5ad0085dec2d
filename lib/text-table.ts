/** A number with commas at the thousands. */
export const count = (value: number): string => value.toLocaleString('en-US');

/** Rows as lines of aligned columns between rules; the first row is the head, columns named in `numeric` end flush. */
export function textTable(rows: readonly string[][], numeric: ReadonlySet<string>): string[] {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => {
        const width = widths[i] as number;
        return numeric.has(head[i] as string) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width, 2 * (head.length - 1)));
  return [line(head), rule, ...body.map(line), rule];
}
