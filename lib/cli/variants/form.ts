import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import * as studies from '../../studies/index.ts';
import { isFolder } from '../is-folder.ts';
import { requireDevice } from '../train/run-folder.ts';
import { parseTests } from './domains.ts';

/** Options of a sweep over the paper's variants, as commander gives them. */
export interface VariantsOptions {
  output: string;
  data?: string;
  test?: string[];
  packages?: string;
  cache?: string;
  variant?: string[];
  quick?: boolean;
  seeds?: number;
  jobs?: number;
  depth?: number;
  widths?: number[];
  stem?: string;
  size?: number;
  epochs?: number;
  batchSize?: number;
  lr?: number;
  device?: string;
  report?: boolean;
  json?: boolean;
  /** One run, in this process: what the sweep starts. */
  run?: string;
  /** The process that started the run. */
  parent?: number;
}

/** What is the same for all networks of a sweep. A folder belongs to one form. */
export interface VariantsForm {
  /** A folder with train and val; undefined: emoji in styles known and never seen. */
  readonly data?: string;
  /** Other domains of the same classes, `NAME=FOLDER`. */
  readonly test: readonly string[];
  readonly packages?: string;
  readonly depth: studies.VariantDepth;
  readonly widths: readonly [number, number, number, number];
  readonly stem: 'imagenet' | 'small';
  readonly size: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly weightDecay: number;
  readonly device: string;
}

const QUICK = { depth: 18, widths: [8, 16, 32, 64], size: 32, epochs: 6, batchSize: 64, lr: 0.05 } as const;
const FULL = { ...QUICK, widths: [16, 32, 64, 128], epochs: 40 } as const;

/** The paper's training: ResNet-50, 224 pixels, 100 epochs, batches of 256, rate 0.1. */
const FOLDER = {
  ...{ depth: 50, widths: [64, 128, 256, 512], size: 224, epochs: 100, batchSize: 256, lr: 0.1 },
} as const;

/** The form that options ask for. */
export function formOf(options: VariantsOptions): VariantsForm {
  const { data, quick = false, packages, cache, test = [], device = 'cpu' } = options;
  const base = quick ? QUICK : data === undefined ? FULL : FOLDER;
  const { depth, widths, size, epochs, batchSize, lr } = { ...base, ...given(options) };
  const stem = options.stem ?? (size <= 64 ? 'small' : 'imagenet');
  if (widths.length !== 4) throw new RangeError(`Expected 4 numbers for --widths, got ${widths.length}`);
  if (data === undefined && test.length > 0)
    throw new RangeError('Expected --data beside --test, got none; without it styles of emoji are compared');
  const drawn = Object.entries({ packages, cache }).find(([, value]) => value !== undefined);
  if (data !== undefined && drawn !== undefined)
    throw new RangeError(`Expected no --${drawn[0]} beside --data, which draws no emoji; leave it out`);
  parseTests(test);
  return {
    ...(data === undefined ? {} : { data }),
    ...(packages === undefined ? {} : { packages }),
    ...{ test, depth: depth as studies.VariantDepth, widths: widths as VariantsForm['widths'] },
    ...{ stem: stem as VariantsForm['stem'], size, epochs, batchSize, lr, weightDecay: 5e-4, device },
  };
}

const given = ({ depth, widths, size, epochs, batchSize, lr }: VariantsOptions) =>
  defined({ depth, widths, size, epochs, batchSize, lr });

const defined = (values: object) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** A folder's form with what options say of it: the same where they say nothing. */
export function toldForm(form: VariantsForm, options: VariantsOptions): object {
  if (options.quick) return formOf({ ...options, device: options.device ?? form.device });
  const { data, test, packages, stem, device } = options;
  return { ...form, ...given(options), ...defined({ data, test, packages, stem, device }) };
}

/**
 * Refuses a form before anything is written for it.
 *
 * @throws RangeError for a device or a folder that is not there
 */
export function checkPossible({ data, test, device }: VariantsForm): void {
  requireDevice(device);
  if (data === undefined) return;
  const folders = [
    ...['train', 'val'].map((part) => ['--data', join(data, part)] as const),
    ...parseTests(test).map(([, folder]) => ['--test', folder] as const),
  ];
  const missing = folders.find(([, path]) => !isFolder(path));
  if (missing === undefined) return;
  throw new RangeError(
    `Expected a folder of classes for ${missing[0]}, got ${missing[1]}, which is not there`,
  );
}

/** How many networks are trained at once; one device has memory for one. */
export const jobsOf = ({ jobs, device }: VariantsOptions): number =>
  jobs ?? (device === 'cuda' ? 1 : availableParallelism());

/** One network of a sweep. */
export interface VariantRun {
  readonly id: string;
  readonly variant: string;
  readonly seed: number;
}

/** Of one sweep. */
export const MOST_SEEDS = 1000;

/** All runs, seeds outermost: what is there when a sweep is broken off is comparable. One network is trained once, whatever it is called. */
export function planRuns(variants: readonly string[], seeds: number): VariantRun[] {
  if (seeds > MOST_SEEDS) throw new RangeError(`Expected at most ${MOST_SEEDS} for --seeds, got ${seeds}`);
  const names = [...new Set(variants.map((name) => studies.networkOf(name)))];
  return Array.from({ length: seeds }, (_, seed) =>
    names.map((variant) => ({ id: `${variant.replaceAll(/[^a-z0-9.]+/g, '-')}-${seed}`, variant, seed })),
  ).flat();
}
