import { type Command, Option } from 'commander';
import type { DType } from '../../tensor/index.ts';
import { wholeNumber } from '../flag-values.ts';

/** How a network is loaded and run, as commander gives it. */
export interface NetworkOptions {
  device: string;
  dtype?: DType;
  resize?: number;
  crop?: number;
  classes?: string;
  stripPrefix?: string;
  strict?: boolean;
  splitNorms?: boolean;
}

/** Adds what `classify` and `evaluate` share. */
export function addNetworkOptions(command: Command): Command {
  return command
    .addOption(new Option('--device <device>', 'where to compute').choices(['cpu', 'cuda']).default('cpu'))
    .addOption(
      new Option('--dtype <dtype>', 'what to compute in; the file may have another')
        .choices(['float32', 'float16', 'bfloat16'])
        .default('float32'),
    )
    .option(
      '--resize <pixels>',
      "length of the shorter side before cropping; default 256, or the checkpoint's",
      wholeNumber,
    )
    .option(
      '--crop <pixels>',
      "side of the square taken from the middle; default 224, or the checkpoint's",
      wholeNumber,
    )
    .option(
      '--classes <file>',
      "class names, one per line or a JSON array; default ImageNet's, or the checkpoint's",
    )
    .option(
      '--strip-prefix <prefix>',
      'take this from the front of the file\'s keys, such as module.; "auto" finds it',
      'auto',
    )
    .option(
      '--no-strict',
      'leave out keys that the network does not know, and leave initial what the file lacks',
    )
    .option('--split-norms', 'weights of a plain network for one with IBN: divide its norms among IN and BN');
}

/** `classify folder | head` closes the pipe early, which is no failure. */
export function stopWhenClosed(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}
