import type { Command } from 'commander';
import { stopWhenClosed } from '../network/network-options.ts';
import type { TrainStreams } from '../train/train.ts';
import { STOPPED } from '../train/train-options.ts';
import { addFinetuneOptions, type FinetuneOptions, formOf } from './form.ts';

const DEFAULTS = { epochs: 20, batchSize: 32, lr: 0.02 };
const SHARES = [10, 20, 30, 100];

/** Adds the command `finetune` to the program. */
export function registerFinetune(program: Command): void {
  const command = program
    .command('finetune')
    .description('Fine-tune classifiers on 10, 20, 30 and 100 % of a target, and compare them')
    .argument('<target>', 'a folder with train/CLASS and val/CLASS');
  addFinetuneOptions(command, DEFAULTS)
    .addHelpText('after', EXAMPLES)
    .action(async (target: string, options: FinetuneOptions) => {
      process.stdout.on('error', stopWhenClosed);
      process.exitCode = await finetuneClassifiers(target, options);
    });
}

const EXAMPLES = `
The paper's Table 8 for classifiers; \`ibn-net segment finetune\` is its own form. A smaller share is part of a larger one. The rate
falls by a cosine. Ended at any moment, by kill -9 too, the same command goes on; SIGTERM and SIGINT end it with status ${STOPPED}.

Examples:
  npx ibn-net finetune drawings --checkpoint plain=photos-plain.pth --checkpoint ibn-a=photos-ibn-a.pth --output runs/shares
  npx ibn-net finetune drawings --checkpoint photos.pth --share 5 50 --seeds 1 --quick --output runs/quick`;

/** Fine-tunes classifiers on shares of a target. @returns the exit code: 0, or 75 where a signal ended it */
export async function finetuneClassifiers(
  target: string,
  options: Omit<FinetuneOptions, 'share'> & { share?: number[] },
  streams: TrainStreams = process,
): Promise<number> {
  const [{ classifiers }, { runFinetune }] = await Promise.all([
    import('./classification.ts'),
    import('./sweep.ts'),
  ]);
  const told = { ...options, share: options.share ?? SHARES };
  const form = formOf(target, told, DEFAULTS);
  return await runFinetune(classifiers(form, told), form, told, streams);
}
