import { isTensor } from '../../tensor/index.ts';

// How far a schedule is, and what it sets as it goes; everything else of its state is a setting.
const PROGRESS = new Set([
  'last_epoch',
  '_step_count',
  '_last_lr',
  '_get_lr_called_within_step',
  '_is_initial',
  'best',
  'num_bad_epochs',
  'cooldown_counter',
  'T_cur',
  'T_i',
]);
// How a step is computed, not what it comes to; Lamb's groups count steps.
const MEANS = new Set(['params', 'step', 'param_names', 'foreach', 'fused', 'capturable', 'differentiable']);

/** Settings of an optimizer's groups that a file has otherwise: `lr 0.1 (here 0.05)`. */
export function changedGroups(here: unknown, saved: unknown): string[] {
  const [mine, theirs] = [plain(here), plain(saved)].map(
    (state) => ((state as Record<string, unknown>)?.param_groups ?? []) as Record<string, unknown>[],
  ) as [Record<string, unknown>[], Record<string, unknown>[]];
  if (mine.length !== theirs.length) return []; // which loading says better
  return mine.flatMap((group, i) => {
    const other = theirs[i] as Record<string, unknown>;
    return differences(group, other, isSetting(other)).map((text) =>
      mine.length > 1 ? `${text} in parameter group ${i}` : text,
    );
  });
}

/** Settings of a schedule that a file has otherwise. */
export function changedSchedule(here: unknown, saved: unknown): string[] {
  const isPart = (key: string) => !PROGRESS.has(key);
  const [mine, theirs] = [plain(here), plain(saved)] as [Record<string, unknown>, Record<string, unknown>];
  const parts = [mine, theirs].map((state) => (state?._schedulers ?? []) as unknown[]) as [
    unknown[],
    unknown[],
  ];
  if (parts[0].length !== parts[1].length) return [`${parts[1].length} schedulers (here ${parts[0].length})`];
  return [
    ...differences(mine, theirs, (key) => key !== '_schedulers' && isPart(key)),
    ...parts[0].flatMap((part, i) => changedSchedule(part, parts[1][i])),
  ];
}

/** A schedule changes the rate, and some change momentum too. */
function isSetting(group: Readonly<Record<string, unknown>>) {
  const cycles = 'max_momentum' in group || 'base_momentum' in group;
  return (key: string) =>
    !MEANS.has(key) &&
    key !== 'lr' &&
    !(cycles && (key === 'momentum' || key === 'betas')) &&
    !/^(min|max)_lr$/.test(key);
}

function differences(
  mine: Readonly<Record<string, unknown>>,
  theirs: Readonly<Record<string, unknown>>,
  counts: (key: string) => boolean,
): string[] {
  return Object.keys(mine ?? {})
    .filter((key) => counts(key) && key in (theirs ?? {}))
    .filter((key) => JSON.stringify(mine[key]) !== JSON.stringify(theirs[key]))
    .map((key) => `${key} ${JSON.stringify(theirs[key])} (here ${JSON.stringify(mine[key])})`);
}

/** Maps as objects with their keys in order, tensors of one element as numbers. */
function plain(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') return Number(value);
  if (isTensor(value)) return value.numel() === 1 ? plain(value.item()) : null;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object') return value;
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    entries
      .map(([key, item]) => [String(key), plain(item)])
      .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)),
  );
}
