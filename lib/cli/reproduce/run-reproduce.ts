import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import * as studies from '../../studies/index.ts';
import { textTable } from '../../text-table.ts';
import { flagOf } from '../flag-values.ts';
import type { TrainStreams } from '../train/train.ts';
import { otherDomain } from '../variants/domains.ts';
import type { VariantsOptions } from '../variants/form.ts';
import { shown, variantsText } from '../variants/report.ts';
import { sweep } from '../variants/run-variants.ts';
import { FIG_5, type VariantResult } from '../variants/train-variant.ts';
import { evaluatePublished } from './published.ts';

/** Options of {@link reproduce}, as commander gives them. */
export interface ReproduceOptions extends VariantsOptions {
  pretrained?: boolean;
  checkpoint?: string[];
  evalBatch?: number;
}

/** What is read by what trains alone. */
const TRAINING = [
  ...['packages', 'cache', 'quick', 'seeds', 'jobs', 'depth', 'widths', 'stem'],
  ...['size', 'epochs', 'batchSize', 'lr', 'report'],
] as const satisfies readonly (keyof VariantsOptions)[];

const isPublished = ({ pretrained, checkpoint }: ReproduceOptions) =>
  pretrained === true || checkpoint !== undefined;

/** @throws RangeError for what weights that are there do not read */
function checkPublished(what: string, options: ReproduceOptions): void {
  if (what !== 'table1')
    throw new RangeError(
      `Expected --pretrained and --checkpoint for table1 alone, got ${what}; leave them out`,
    );
  const unread = TRAINING.find((name) => options[name] !== undefined);
  if (unread === undefined) return;
  throw new RangeError(
    `Expected no ${flagOf(unread)} beside --pretrained and --checkpoint, which train nothing; leave it out`,
  );
}

/**
 * Measures what a table or figure of the paper is about, and prints it beside the published figures.
 *
 * @returns the exit code: 0, or 75 where a signal ended the training
 */
export async function reproduce(
  what: string,
  options: ReproduceOptions,
  streams: TrainStreams = process,
): Promise<number> {
  if (isPublished(options)) {
    checkPublished(what, options);
    return await evaluatePublished(options, streams);
  }
  if (options.evalBatch !== undefined)
    throw new RangeError(
      'Expected --pretrained or --checkpoint beside --eval-batch, got neither; leave it out',
    );
  const table = what === 'fig5' ? undefined : studies.PAPER_TABLES[what as keyof typeof studies.PAPER_TABLES];
  const names = table === undefined ? FIG_5 : table.rows.map(({ variant }) => variant);
  const { results, planned, code } = await sweep(options, names, streams);
  const judged =
    table === undefined
      ? studies.judgeDepth(results.flatMap(depthOf))
      : studies.judgeClaims(table, results, otherDomain(results));
  const text = `${JSON.stringify({ what, planned, done: results.length, claims: judged, results }, null, 1)}\n`;
  writeAtomically(join(options.output, `${what}.json`), (sink) => sink(Buffer.from(text)));
  if (options.json) streams.stdout.write(text);
  else
    streams.stdout.write(
      table === undefined ? depthText(results) : variantsText(results, planned, [[what, table]]),
    );
  return code;
}

function depthOf({ variant, seed, divergences }: VariantResult): studies.MeasuredDepth[] {
  if (divergences?.appearance === undefined) return [];
  const { features, appearance, content } = divergences;
  return [{ variant, seed, features, appearance, content }];
}

function depthText(results: readonly VariantResult[]): string {
  const rows = studies
    .judgeDepth(results.flatMap(depthOf))
    .map(({ text, published, measured, verdict }) => [
      ...[text, published === undefined ? '-' : `about ${published}`],
      ...[measured === undefined ? '-' : measured.mean.toPrecision(3), verdict],
    ]);
  return [
    'Fig. 5: feature divergence by depth, means over channels and seeds',
    ...depthTable(results),
    '',
    ...textTable([['claim', 'paper', 'here', 'verdict'], ...rows], new Set(['paper', 'here'])),
    "The paper's figures are read off its plot by eye.",
    '',
  ].join('\n');
}

function depthTable(results: readonly VariantResult[]): string[] {
  const runs = results.flatMap(depthOf);
  const columns = FIG_5.flatMap((variant) =>
    (['appearance', 'content'] as const).map((kind) => ({ variant, kind })),
  );
  const head = ['feature', ...columns.map(({ variant, kind }) => `${variant} ${kind}`)];
  const rows = (runs[0]?.features ?? []).map((feature, depth) => [
    feature,
    ...columns.map(({ variant, kind }) => {
      const values = runs.flatMap((run) => (run.variant === variant ? (run[kind][depth] ?? []) : []));
      return values.length === 0 ? '-' : shown(studies.sampleOf(values), 3);
    }),
  ]);
  return textTable([head, ...rows], new Set(head.slice(1)));
}
