import { basename } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { also, count, positive, wholeNumber, wholeNumbers } from '../flag-values.ts';

/** Options of a sweep, as commander gives them. */
export interface FinetuneOptions {
  checkpoint: string[];
  output: string;
  share: number[];
  seeds?: number;
  epochs?: number;
  batchSize?: number;
  lr?: number;
  crop?: number[];
  device: string;
  workers: number;
  quick?: boolean;
  report?: boolean;
  json?: boolean;
}

/** A network that training begins with. */
export interface Contestant {
  readonly name: string;
  readonly checkpoint: string;
}

/** What is the same for all runs. A folder belongs to one form, but for shares, seeds and networks, of which more may come. */
export interface FinetuneForm {
  readonly target: string;
  /** What lies in the target, for segmentation. */
  readonly dataset?: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly crop: readonly number[] | null;
  /** Images of the whole at most; null: all. */
  readonly limit: number | null;
  readonly device: string;
}

/** What options of a form are called that are no flag of their name. */
export const FORM_WORDS = { target: 'the target', limit: 'the images of --quick' };

/** One network trained on one share of the target. */
export interface FinetuneRun {
  readonly id: string;
  readonly network: string;
  readonly checkpoint: string;
  /** In per cent. */
  readonly share: number;
  readonly seed: number;
}

/** What is not told otherwise. */
export interface FinetuneDefaults {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
}

/** Adds what `finetune` and `segment finetune` share. */
export function addFinetuneOptions(command: Command, defaults: FinetuneDefaults): Command {
  return command
    .requiredOption(
      '--checkpoint <name=file>',
      'a network as it was trained on the source; the name is optional. May be repeated',
      also,
    )
    .requiredOption('--output <folder>', 'where runs and reports go; the same command goes on there')
    .option('--share <percent...>', 'of the training images (default: 10 20 30 100)', shares)
    .option(
      '--seeds <n>',
      'choices of the images, and runs, for each share (default: 3, quick: 1)',
      wholeNumber,
    )
    .option('--epochs <n>', `of each run (default: ${defaults.epochs}, quick: 2)`, wholeNumber)
    .option('--batch-size <n>', `images of a step (default: ${defaults.batchSize})`, wholeNumber)
    .option('--lr <rate>', `the first rate (default: ${defaults.lr})`, positive)
    .option(
      '--crop <pixels...>',
      'of the images that are trained with; default: as the network was',
      wholeNumbers,
    )
    .addOption(new Option('--device <device>', 'where to compute').choices(['cpu', 'cuda']).default('cpu'))
    .option('--workers <n>', 'images read ahead; 0: none', count, 2)
    .option('--quick', `2 epochs, one seed, and ${QUICK_IMAGES} images as the whole: minutes`)
    .option('--report', 'train nothing; report what is done')
    .option('--json', 'print one JSON object in place of text');
}

const QUICK_IMAGES = 400;

/** What options ask for. */
export function formOf(target: string, options: FinetuneOptions, defaults: FinetuneDefaults): FinetuneForm {
  const { quick = false, device, crop = null } = options;
  return {
    target,
    epochs: options.epochs ?? (quick ? 2 : defaults.epochs),
    batchSize: options.batchSize ?? defaults.batchSize,
    lr: options.lr ?? defaults.lr,
    ...{ crop, limit: quick ? QUICK_IMAGES : null, device },
  };
}

/** @throws RangeError for two networks of one name */
export function contestantsOf(texts: readonly string[]): Contestant[] {
  const all = texts.map((text) => {
    const at = text.indexOf('=');
    const path = at < 0 ? text : text.slice(at + 1);
    return {
      name: at < 0 ? basename(path).replace(/(\.(pth|pt|tar))+$/, '') : text.slice(0, at),
      checkpoint: path,
    };
  });
  const twice = all.find(({ name }, i) => all.findIndex((one) => one.name === name) !== i);
  if (twice !== undefined)
    throw new RangeError(
      `Expected networks of different names for --checkpoint, got two called "${twice.name}"; pass NAME=FILE`,
    );
  const odd = all.find(({ name }) => !/^[\w.+-]+$/.test(name));
  if (odd === undefined) return all;
  throw new RangeError(
    `Expected a name of letters, digits, ".", "+" and "-" for --checkpoint, got "${odd.name}"`,
  );
}

/** Seeds outermost: what is there when a sweep is broken off is comparable. */
export function planRuns(
  networks: readonly Contestant[],
  { share, seeds, quick }: FinetuneOptions,
): FinetuneRun[] {
  const percents = [...new Set(share)].sort((a, b) => a - b);
  return Array.from({ length: seeds ?? (quick ? 1 : 3) }, (_, seed) =>
    percents.flatMap((percent) =>
      networks.map(({ name, checkpoint }) => ({
        ...{ id: `${name}-${percent}-${seed}`, network: name, checkpoint, share: percent, seed },
      })),
    ),
  ).flat();
}

function shares(text: string, before: readonly number[] = []): number[] {
  const value = Number(text);
  if (value > 0 && value <= 100) return [...before, value];
  throw new InvalidArgumentError(`Expected a number above 0, up to 100, got "${text}".`);
}
