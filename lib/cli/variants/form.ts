import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { writeAtomically } from '../../atomic-file.ts';
import * as studies from '../../studies/index.ts';
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
  seeds: number;
  jobs: number;
  depth?: number;
  widths?: number[];
  stem?: string;
  size?: number;
  epochs?: number;
  batchSize?: number;
  lr?: number;
  device: string;
  report?: boolean;
  json?: boolean;
  /** One run, in this process: what the sweep starts. */
  run?: string;
}

/** What is the same for all networks of a sweep. A folder belongs to one form. */
export interface VariantsForm {
  /** A folder with train and val; undefined: emoji in styles known and never seen. */
  readonly data?: string;
  /** Other domains of the same classes, `NAME=FOLDER`. */
  readonly test: readonly string[];
  readonly packages?: string;
  readonly cache?: string;
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
  const { data, quick = false, packages, cache, test = [], device } = options;
  const base = quick ? QUICK : data === undefined ? FULL : FOLDER;
  const { depth, widths, size, epochs, batchSize, lr } = { ...base, ...given(options) };
  const stem = options.stem ?? (size <= 64 ? 'small' : 'imagenet');
  if (widths.length !== 4) throw new RangeError(`Expected 4 numbers for --widths, got ${widths.length}`);
  if (data === undefined && test.length > 0)
    throw new RangeError('Expected --data beside --test, got none; without it styles of emoji are compared');
  parseTests(test);
  return {
    ...(data === undefined ? {} : { data }),
    ...(packages === undefined ? {} : { packages }),
    ...(cache === undefined ? {} : { cache }),
    ...{ test, depth: depth as studies.VariantDepth, widths: widths as VariantsForm['widths'] },
    ...{ stem: stem as VariantsForm['stem'], size, epochs, batchSize, lr, weightDecay: 5e-4, device },
  };
}

function given({ depth, widths, size, epochs, batchSize, lr }: VariantsOptions) {
  const all = { depth, widths, size, epochs, batchSize, lr };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** One network of a sweep. */
export interface VariantRun {
  readonly id: string;
  readonly variant: string;
  readonly seed: number;
}

/** All runs, seeds outermost: what is there when a sweep is broken off is comparable. One network is trained once, whatever it is called. */
export function planRuns(variants: readonly string[], seeds: number): VariantRun[] {
  const names = [...new Set(variants.map((name) => studies.networkOf(name)))];
  return Array.from({ length: seeds }, (_, seed) =>
    names.map((variant) => ({ id: `${variant.replaceAll(/[^a-z0-9.]+/g, '-')}-${seed}`, variant, seed })),
  ).flat();
}

const formPath = (output: string) => join(output, 'form.json');

/** A folder belongs to one form: results of two are not compared. */
export function claimFolder(output: string, form: VariantsForm): void {
  mkdirSync(join(output, 'runs'), { recursive: true });
  if (!existsSync(formPath(output)))
    writeAtomically(formPath(output), (sink) => sink(Buffer.from(`${JSON.stringify(form, null, 1)}\n`)));
  else if (!isDeepStrictEqual(readForm(output), JSON.parse(JSON.stringify(form))))
    throw new Error(
      `Expected a new folder, or one of the same form, for --output, got ${output}; its form.json has other options`,
    );
}

/** The form of a folder. */
export const readForm = (output: string): VariantsForm =>
  JSON.parse(readFileSync(formPath(output), 'utf8')) as VariantsForm;
