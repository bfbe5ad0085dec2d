import type { Command } from 'commander';
import { addAdaptOptions } from '../adapt/adapt-options.ts';
import { wholeNumbers } from '../flag-values.ts';
import { stopWhenClosed } from '../network/network-options.ts';
import type { TrainStreams } from '../train/train.ts';
import type { SegmentAdaptOptions } from './adapt-task.ts';

/** Adds the command `segment adapt`. */
export function registerSegmentAdapt(segment: Command): void {
  const command = segment
    .command('adapt')
    .description('Adapt a network to images of another domain, which need no masks')
    .argument('<target>', 'a folder of images; its images/train or leftImg8bit/train where there is one')
    .option(
      '--test <name=folder>',
      "labelled images for figures before and after; default: the target's own, where it is a folder of images/ and masks/",
    )
    .option('--split <name>', 'the part of them; none: a folder without parts', 'val');
  addAdaptOptions(command, 'teacher: labelled images of the source, NAME=FOLDER, learnt beside the target', 4)
    .option(
      '--crop <pixels...>',
      'height and width of what is cut out of images; default: of the first',
      wholeNumbers,
    )
    .addHelpText('after', EXAMPLES)
    .action(async (target: string, options: SegmentAdaptOptions) => {
      process.stdout.on('error', stopWhenClosed);
      process.exitCode = await adaptSegment(target, options);
    });
}

const EXAMPLES = `
Methods and figures are those of \`ibn-net adapt\`; --bound counts pixels.

Examples:
  npx ibn-net segment adapt data/cityscapes --checkpoint gta.pth --method adabn --crop 512 1024 --output adapted.pth --test cityscapes=data/cityscapes
  npx ibn-net segment adapt scenes-b --checkpoint runs/a/model_best.pth --method teacher --source folder=scenes-a --output adapted.pth`;

/** Adapts a network for segmentation. @returns the exit code: 1 where the guard refused, and nothing was written */
export async function adaptSegment(
  target: string,
  options: SegmentAdaptOptions,
  streams: TrainStreams = process,
): Promise<number> {
  const [{ segmentationTask }, { adaptAndTell }] = await Promise.all([
    import('./adapt-task.ts'),
    import('../adapt/run-adapt.ts'),
  ]);
  return await adaptAndTell(() => segmentationTask(target, options), options, streams);
}
