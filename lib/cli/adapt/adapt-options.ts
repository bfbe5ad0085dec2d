import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { type Command, Option } from 'commander';
import { messageOf } from '../../errors.ts';
import { count, numberUpTo, share, wholeNumber } from '../flag-values.ts';
import { isFolder } from '../is-folder.ts';

export const METHODS = ['adabn', 'tent', 'teacher'] as const;
export type Method = (typeof METHODS)[number];

/** Options that classes and pixels share, as commander gives them. */
export interface AdaptOptions {
  checkpoint: string;
  method: Method;
  output: string;
  device: string;
  batchSize: number;
  workers: number;
  seed: number;
  limit?: number;
  prior?: number;
  momentum?: number;
  lr?: number;
  epochs?: number;
  norms?: 'all' | 'batch';
  decay?: number;
  threshold?: number;
  weight?: number;
  source?: string;
  bound?: number;
  json?: boolean;
}

/** Which methods read an option; the others refuse it. */
const READ_BY: Readonly<Partial<Record<keyof AdaptOptions, readonly Method[]>>> = {
  prior: ['adabn'],
  momentum: ['adabn'],
  lr: ['tent', 'teacher'],
  epochs: ['tent', 'teacher'],
  norms: ['tent'],
  decay: ['teacher'],
  threshold: ['teacher'],
  weight: ['teacher'],
  source: ['teacher'],
};

/** Adds what `adapt` and `segment adapt` share. */
export function addAdaptOptions(command: Command, source: string, batchSize: number): Command {
  return command
    .requiredOption('--checkpoint <file>', 'the network as it was trained on the source')
    .addOption(new Option('--method <name>', 'what is adapted').choices(METHODS).makeOptionMandatory())
    .requiredOption('--output <file>', 'the adapted network, which the other commands read')
    .addOption(new Option('--device <device>', 'where to compute').choices(['cpu', 'cuda']).default('cpu'))
    .option('--batch-size <n>', 'images computed together', wholeNumber, batchSize)
    .option('--workers <n>', 'images read ahead; 0: none', count, 2)
    .option('--seed <n>', 'of the order of images and of what is drawn', count, 0)
    .option('--limit <n>', 'images of the target at most, evenly spread over its sorted files', wholeNumber)
    .option(
      '--prior <n>',
      "adabn: how many images the source's statistics count as (default: 0)",
      numberUpTo(Infinity),
    )
    .option('--momentum <m>', 'adabn: running averages with this weight of a batch, in place of means', share)
    .option('--lr <rate>', 'tent (default: 0.001), teacher (default: 0.005)', numberUpTo(Infinity))
    .option('--epochs <n>', 'tent (default: 1), teacher (default: 5)', wholeNumber)
    .addOption(
      new Option('--norms <which>', 'tent: whose scales and shifts learn (default: all)').choices([
        'all',
        'batch',
      ]),
    )
    .option('--decay <d>', 'teacher: how much of it stays at each step (default: 0.99)', share)
    .option('--threshold <p>', 'teacher: how sure it must be (default: 0.8)', share)
    .option('--weight <w>', "teacher: what the target's loss counts (default: 1)", numberUpTo(Infinity))
    .option('--source <folder>', source)
    .option(
      '--bound <share>',
      'write nothing where more than this share of the predictions of a tenth of the target, kept apart, changes; adabn tries weaker mixtures before',
      share,
    )
    .option('--json', 'print one JSON object in place of text');
}

/** @throws RangeError for an option that the method does not read, and an output that cannot be written */
export function checkAdaptOptions(options: AdaptOptions): void {
  checkOutput(options.output);
  for (const [name, methods] of Object.entries(READ_BY)) {
    if (options[name as keyof AdaptOptions] === undefined || methods.includes(options.method)) continue;
    throw new RangeError(
      `Expected --method ${methods.join(' or ')} beside --${name}, got ${options.method}, which does not read it`,
    );
  }
}

/** What is refused here would else be met when all is computed. */
function checkOutput(output: string): void {
  const refuse = (reason: string): never => {
    throw new RangeError(`Expected a file that can be written for --output, got ${output}: ${reason}`);
  };
  if (output.endsWith('.safetensors'))
    refuse('safetensors keeps nothing of the network but its weights; pass a name that ends in .pth');
  const folder = dirname(output);
  if (!isFolder(folder)) refuse(`there is no folder ${folder}`);
  if (isFolder(output)) refuse('it is a folder');
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    refuse(messageOf(error));
  }
}
