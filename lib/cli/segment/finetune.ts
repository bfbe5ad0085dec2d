import { type Command, Option } from 'commander';
import { addFinetuneOptions, type FinetuneOptions } from '../finetune/form.ts';
import { stopWhenClosed } from '../network/network-options.ts';
import { DEFAULTS } from './finetune-defaults.ts';

/** Options of `segment finetune`. */
export interface SegmentFinetuneOptions extends FinetuneOptions {
  dataset: 'folder' | 'cityscapes';
}

/** Adds the command `segment finetune`. */
export function registerSegmentFinetune(program: Command): void {
  const command = program
    .command('finetune')
    .description(
      "Fine-tune networks on 10, 20, 30 and 100 % of a target, and compare them: the paper's Table 8",
    )
    .argument('<target>', 'a folder of Cityscapes, or with images/ and masks/, train and val in each')
    .addOption(
      new Option('--dataset <name>', 'what lies in it').choices(['folder', 'cityscapes']).default('folder'),
    );
  addFinetuneOptions(command, DEFAULTS)
    .addHelpText('after', EXAMPLES)
    .action(async (target: string, options: SegmentFinetuneOptions) => {
      process.stdout.on('error', stopWhenClosed);
      const { finetuneSegmenters } = await import('./run-finetune.ts');
      process.exitCode = await finetuneSegmenters(target, options);
    });
}

const EXAMPLES = `
A smaller share is part of a larger one. Rates, crops and changes of images are those of \`ibn-net segment train\`. Ended at any moment,
by kill -9 too, the same command goes on.

Examples:
  npx ibn-net segment finetune data/cityscapes --dataset cityscapes --checkpoint plain=gta.pth --checkpoint ibn-a=gta-a.pth --output runs/table8
  npx ibn-net segment finetune scenes-b --checkpoint a.pth --crop 128 --quick --output runs/quick`;
