/** A key whose tensor has another shape in the state dict; shapes as PyTorch writes them. */
export interface SizeMismatch {
  readonly key: string;
  readonly have: string;
  readonly got: string;
}

/** So many are listed one by one. */
const LISTED = 6;
/** Of more, so many groups of equal shapes are shown. */
const GROUPS = 5;

/** A line for each in PyTorch's words; many are grouped by their shapes. The error's fields have every key. */
export function mismatchLines(mismatches: readonly SizeMismatch[]): string[] {
  return mismatches.length <= LISTED ? mismatches.map(line) : groupLines(mismatches);
}

function line({ key, have, got }: SizeMismatch): string {
  return (
    `size mismatch for ${key}: copying a param with shape ${got} from checkpoint, ` +
    `the shape in current model is ${have}.`
  );
}

/** The largest groups first. */
function groupLines(mismatches: readonly SizeMismatch[]): string[] {
  const byShapes = new Map<string, SizeMismatch[]>();
  for (const mismatch of mismatches) {
    const shapes = `${mismatch.got} ${mismatch.have}`;
    byShapes.set(shapes, [...(byShapes.get(shapes) ?? []), mismatch]);
  }
  const groups = [...byShapes.values()].sort((a, b) => b.length - a.length);
  const rest = groups.slice(GROUPS).reduce((sum, { length }) => sum + length, 0);
  return [
    ...groups.slice(0, GROUPS).map(groupLine),
    ...(rest > 0 ? [`size mismatch for ${rest} more of ${mismatches.length} keys.`] : []),
  ];
}

function groupLine(group: readonly SizeMismatch[]): string {
  const first = group[0] as SizeMismatch;
  if (group.length === 1) return line(first);
  return (
    `size mismatch for ${group.length} keys such as ${first.key}: shape ${first.got} in the checkpoint, ` +
    `${first.have} in the current model.`
  );
}
