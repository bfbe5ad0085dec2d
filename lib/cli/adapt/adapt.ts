import type { Command } from 'commander';
import { wholeNumber } from '../flag-values.ts';
import { stopWhenClosed } from '../network/network-options.ts';
import type { TrainStreams } from '../train/train.ts';
import { addAdaptOptions } from './adapt-options.ts';
import type { ClassifierAdaptOptions } from './classification.ts';

/** Adds the command `adapt` to the program. */
export function registerAdapt(program: Command): void {
  const command = program
    .command('adapt')
    .description('Adapt a classifier to images of another domain, which need no labels')
    .argument('<target>', 'a folder of images, searched through; its train/ where there is one')
    .option('--model <name>', 'the network; default: the one that the checkpoint names')
    .option(
      '--test <folder>',
      "labelled images for figures before and after; default: the target's own, where its folders are classes",
    );
  addAdaptOptions(
    command,
    "teacher: labelled images of the source, train/CLASS or CLASS, learnt beside the target's",
    32,
  )
    .option(
      '--resize <pixels>',
      "shorter side before cropping; default 256, or the checkpoint's",
      wholeNumber,
    )
    .option('--crop <pixels>', "side of the middle square; default 224, or the checkpoint's", wholeNumber)
    .addHelpText('after', EXAMPLES)
    .action(async (target: string, options: ClassifierAdaptOptions) => {
      process.stdout.on('error', stopWhenClosed);
      process.exitCode = await adaptClassifier(target, options);
    });
}

const EXAMPLES = `
adabn gives batch norms the statistics of the target; tent also learns scales and shifts of norms by the entropy of the predictions;
teacher learns all weights from labels that an average of the network gives. Instance norms keep to each image.
Figures on images that the network was adapted to are those of such images alone: pass --test for others.

Examples:
  npx ibn-net adapt drawings --checkpoint photos/model_best.pth --method adabn --output adapted.pth
  npx ibn-net adapt drawings --checkpoint photos/model_best.pth --method tent --lr 0.0005 --output adapted.pth --test drawings/val
  npx ibn-net adapt drawings --checkpoint photos/model_best.pth --method teacher --source photos --epochs 10 --output adapted.pth`;

/** Adapts a classifier. @returns the exit code: 1 where the guard refused, and nothing was written */
export async function adaptClassifier(
  target: string,
  options: ClassifierAdaptOptions,
  streams: TrainStreams = process,
): Promise<number> {
  const [{ classificationTask }, { adaptAndTell }] = await Promise.all([
    import('./classification.ts'),
    import('./run-adapt.ts'),
  ]);
  return await adaptAndTell(() => classificationTask(target, options), options, streams);
}
