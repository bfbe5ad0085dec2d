import type { CorruptionErrors } from './corruption-errors.ts';
import type { ConditionResult, Evaluation, NetworkResult } from './evaluation.ts';

const count = (value: number) => value.toLocaleString('en');
const fixed = (value: number | null, digits = 2) => (value === null ? '-' : value.toFixed(digits));

/** What is printed. The two lines of figures are in the published script's words. */
export function asText(evaluation: Evaluation): string {
  const { data, folders, results, unreadable } = evaluation;
  const [first] = results as [NetworkResult];
  const samples = first.conditions[0].summary.samples;
  const lines = [`${count(samples)} images of ${count(folders.length)} classes in ${data}`];
  if (unreadable.length > 0)
    lines.push(`${count(unreadable.length)} more could not be read and are left out`);
  for (const result of results) lines.push('', ...networkLines(result));
  if (results.length > 1) lines.push('', ...comparison(results));
  return `${lines.join('\n')}\n`;
}

function networkLines(result: NetworkResult): string[] {
  const { name, architecture, checkpoint, matchedBy, conditions, corruptions, seconds, imagesPerSecond } =
    result;
  const [{ summary }] = conditions;
  return [
    `${name === architecture ? name : `${name} (${architecture})`}, ${checkpoint}`,
    ` Test Loss:  ${fixed(summary.loss, 8)}, Top1 Acc:  ${fixed(summary.top1)}, Top5 Acc: ${fixed(summary.top5)}`,
    ` Top1 Err:  ${fixed(summary.top1Error)}, Top5 Err: ${fixed(summary.top5Error)}`,
    ` ${fixed(imagesPerSecond, 1)} images/s, ${fixed(seconds, 1)} s; folders and classes matched by ${matchedBy}`,
    ...(summary.nonFinite > 0
      ? [` ${count(summary.nonFinite)} images gave scores that are no finite numbers`]
      : []),
    ...(conditions.length > 1 ? ['', ...robustness(conditions)] : []),
    ...(corruptions === undefined ? [] : ['', ...corruptionLines(corruptions)]),
  ];
}

/** Errors, and in brackets what the change of the images adds, as in the paper's Table 1. */
function robustness(conditions: NetworkResult['conditions']): string[] {
  const [origin] = conditions;
  const error = (of: ConditionResult, key: 'top1Error' | 'top5Error') => {
    const value = of.summary[key];
    const before = origin.summary[key];
    if (value === null || before === null) return '-';
    return of === origin ? fixed(value) : `${fixed(value)} (${fixed(value - before)})`;
  };
  return table(
    ['images', 'top-1 error', 'top-5 error'],
    conditions.map((one) => [one.condition, error(one, 'top1Error'), error(one, 'top5Error')]),
  );
}

/** Top-1 errors at each severity, and their means. */
function corruptionLines({ kinds, meanError, mCE }: CorruptionErrors): string[] {
  const ofAlexNet = mCE === undefined ? [] : ["% of AlexNet's"];
  const rows = kinds.map(({ corruption, severities, meanError: mean, relativeError }) => [
    corruption,
    ...severities.map(({ top1Error }) => fixed(top1Error)),
    fixed(mean),
    ...(relativeError === undefined ? [] : [fixed(relativeError)]),
  ]);
  const over = `over ${kinds.length} ${kinds.length === 1 ? 'kind' : 'kinds'}`;
  return [
    ...table(['top-1 error at severity', '1', '2', '3', '4', '5', 'mean', ...ofAlexNet], rows),
    ` mean corruption error, unnormalised, ${over}: ${fixed(meanError)}`,
    ...(mCE === undefined
      ? []
      : [` mCE, normalised by AlexNet's published errors, ${over}, frost left out: ${fixed(mCE)}`]),
  ];
}

function comparison(results: readonly NetworkResult[]): string[] {
  return table(
    ['network', 'loss', 'top-1 error', 'top-5 error', 'images/s'],
    results.map(({ name, conditions: [{ summary }], imagesPerSecond }) => [
      name,
      fixed(summary.loss, 4),
      fixed(summary.top1Error),
      fixed(summary.top5Error),
      fixed(imagesPerSecond, 1),
    ]),
  );
}

/** Columns of text: the first to the left, the others to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] as string).length)),
  );
  const line = (cells: readonly string[]) =>
    ` ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] as number) : cell.padStart(widths[column] as number))).join('  ')}`.trimEnd();
  return [line(head), ...rows.map(line)];
}

/** What `--json` prints and `evaluation.json` has: figures in per cent, confusion matrices left to their files. */
export function asJson({ data, folders, unreadable, results }: Evaluation): object {
  return { data, folders, unreadable, results: results.map(networkJson) };
}

function networkJson({ classes: _, conditions, ...result }: NetworkResult): object {
  const [origin, ...changed] = conditions;
  return {
    ...result,
    ...origin.summary,
    ...(changed.length > 0
      ? { robustness: changed.map(({ condition, summary }) => ({ condition, ...summary })) }
      : {}),
    classes: origin.perClass.filter(({ samples }) => samples > 0),
  };
}
