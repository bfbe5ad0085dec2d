import type { Command } from 'commander';
import { also, wholeNumber } from '../flag-values.ts';
import { stopWhenClosed } from '../network/network-options.ts';
import type { DivergenceCommandOptions } from './run-divergence.ts';

/** Adds the command `divergence` to the program. */
export function registerDivergence(program: Command): void {
  program
    .command('divergence')
    .description(
      "How far two folders of images are apart in each feature of networks, by depth: the paper's Fig. 5",
    )
    .requiredOption('--a <folder>', 'images of one domain, searched through')
    .requiredOption('--b <folder>', 'images of the other')
    .requiredOption(
      '--model <name[=file]>',
      'a network with its published weights, or with those of a file. May be repeated',
      also,
    )
    .option('--layers <names...>', 'features in place of the stem and all blocks, such as layer1 layer2.3')
    .option('--resize <pixels>', 'shorter side of images before the middle is taken', wholeNumber, 256)
    .option('--crop <pixels>', 'side of that square', wholeNumber, 224)
    .option('--batch-size <n>', 'images computed together', wholeNumber, 32)
    .option('--limit <n>', 'images of each folder at most', wholeNumber)
    .option('--json', 'print one JSON object in place of text')
    .option('--output <folder>', 'write divergence.svg, .csv and .json')
    .addHelpText('after', EXAMPLES)
    .action(async (options: DivergenceCommandOptions) => {
      process.stdout.on('error', stopWhenClosed);
      const { divergenceOf } = await import('./run-divergence.ts');
      await divergenceOf(options);
    });
}

const EXAMPLES = `
Examples:
  npx ibn-net divergence --a gta5/images --b cityscapes/leftImg8bit/val --model resnet50_ibn_a --model resnet50_ibn_b --output fig5
  npx ibn-net divergence --a photos --b drawings --model resnet50=resnet50.pth --layers layer1 layer2 layer3 layer4`;
