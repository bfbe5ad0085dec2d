import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import * as studies from '../../studies/index.ts';
import { textTable } from '../../text-table.ts';
import type { Contestant } from '../evaluate/contestants.ts';
import { evaluateAll } from '../evaluate/evaluate-all.ts';
import type { Evaluation, NetworkResult } from '../evaluate/evaluation.ts';
import { joinRanks } from '../ranks.ts';
import type { TrainStreams } from '../train/train.ts';
import { isMonet } from '../variants/domains.ts';
import type { ReproduceOptions } from './run-reproduce.ts';

const MODELS: Readonly<Record<string, string>> = {
  none: 'resnet50',
  a: 'resnet50_ibn_a',
  b: 'resnet50_ibn_b',
};

/** Points by which decoding and arithmetic may move an error of 50,000 images, and no training could. */
const TOLERANCE = 0.3;

/** Table 1 by weights that are there: every figure beside the published one. */
export async function evaluatePublished(options: ReproduceOptions, streams: TrainStreams): Promise<number> {
  const { data, test = [], output, device = 'cpu', evalBatch = 32 } = options;
  if (data === undefined)
    throw new RangeError(
      'Expected --data beside --pretrained or --checkpoint, got none; name a folder of ImageNet',
    );
  const networks = contestantsOf(options);
  const shared = { ...{ device, split: 'val', batchSize: evalBatch, strict: true, stripPrefix: 'auto' } };
  const monet = monetOf(test);
  const ranks = await joinRanks();
  const evaluated = async (folder: string, robustness: boolean) =>
    await evaluateAll(folder, networks, { ...shared, robustness }, streams.stderr, ranks);
  let origin: Evaluation;
  let other: Evaluation | undefined;
  try {
    origin = await evaluated(data, true);
    other = monet === undefined ? undefined : await evaluated(monet, false);
  } finally {
    await ranks.leave();
  }
  const rows = rowsOf(errorsOf(origin.results, other?.results));
  if (ranks.isFirst) {
    mkdirSync(output, { recursive: true });
    const text = `${JSON.stringify({ what: 'table1', tolerance: TOLERANCE, rows }, null, 1)}\n`;
    writeAtomically(join(output, 'table1.json'), (sink) => sink(Buffer.from(text)));
    streams.stdout.write(options.json ? text : asText(rows));
  }
  return [origin, other].some((each) => each !== undefined && each.unreadable.length > 0) ? 1 : 0;
}

function contestantsOf({ pretrained, checkpoint = [] }: ReproduceOptions): Contestant[] {
  const files = new Map(checkpoint.map((text) => pairOf('--checkpoint', text, Object.keys(MODELS))));
  const published = pretrained ? ['a', 'b'].filter((name) => !files.has(name)) : [];
  return Object.entries(MODELS).flatMap(([name, model]) =>
    files.has(name) || published.includes(name) ? [{ name, model, checkpoint: files.get(name) }] : [],
  );
}

/** The folder of the paper's other domain; its table has no second one. */
function monetOf(test: readonly string[]): string | undefined {
  const [first, ...more] = test.map((text) => pairOf('--test', text));
  const odd = [first, ...more].find((pair) => pair !== undefined && !isMonet(pair[0]));
  if (odd === undefined && more.length === 0) return first?.[1];
  const got = odd === undefined ? 'two' : `"${odd.join('=')}"`;
  throw new RangeError(
    `Expected one monet=FOLDER for --test beside --pretrained or --checkpoint, got ${got}; Table 1 has no other domain`,
  );
}

function pairOf(flag: string, text: string, known?: readonly string[]): [string, string] {
  const at = text.indexOf('=');
  const [name, path] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
  if (at > 0 && path !== '' && (known === undefined || known.includes(name))) return [name, path];
  throw new RangeError(
    `Expected ${known === undefined ? 'NAME' : known.join(', ')} = a path for ${flag}, got "${text}"`,
  );
}

/** Errors of each network by condition. */
function errorsOf(
  origin: readonly NetworkResult[],
  monet: readonly NetworkResult[] = [],
): Map<string, Record<string, number>> {
  const of = ({ conditions }: NetworkResult) =>
    Object.fromEntries(conditions.map(({ condition, summary }) => [condition, summary.top1Error]));
  const errors = new Map(origin.map((result) => [result.name, of(result)]));
  for (const { name, conditions } of monet)
    Object.assign(errors.get(name) as object, { Monet: conditions[0].summary.top1Error });
  return errors;
}

interface Figure {
  readonly network: string;
  readonly condition: string;
  readonly published: number;
  readonly measured: number | undefined;
  readonly verdict: 'reproduced' | 'differs' | 'not measured';
}

function rowsOf(errors: ReadonlyMap<string, Readonly<Record<string, number>>>): Figure[] {
  return studies.PAPER_TABLES.table1.rows.flatMap(({ name, variant, errors: published }) =>
    Object.entries(published).map(([condition, figure]) => {
      const measured = errors.get(variant)?.[condition];
      const isNear = measured !== undefined && Math.abs(measured - figure) <= TOLERANCE;
      const verdict = measured === undefined ? 'not measured' : isNear ? 'reproduced' : 'differs';
      return { network: name, condition, published: figure, measured, verdict };
    }),
  );
}

function asText(rows: readonly Figure[]): string {
  const head = ['network', 'condition', 'paper', 'here', 'tolerance', 'verdict'];
  const lines = rows.map(({ network, condition, published, measured, verdict }) => [
    ...[network, condition, published.toFixed(2), measured?.toFixed(2) ?? '-', String(TOLERANCE), verdict],
  ]);
  return [
    'Table 1: top-1 error in per cent',
    ...textTable([head, ...lines], new Set(['paper', 'here', 'tolerance'])),
    '',
  ].join('\n');
}
