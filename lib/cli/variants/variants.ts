import { type Command, Option } from 'commander';
import { also, positive, wholeNumber, wholeNumbers } from '../flag-values.ts';
import { stopWhenClosed } from '../network/network-options.ts';
import type { VariantsOptions } from './form.ts';

/** Adds the command `variants` to the program. */
export function registerVariants(program: Command): void {
  const command = program
    .command('variants')
    .description(
      "Train the variants of the paper's Tables 3 to 5 and compare them: blocks, groups, shares of IN",
    );
  addSweepOptions(command)
    .option(
      '--variant <names...>',
      'some of them, such as none a "a&d" "groups 1-2" "ratio 0.25" "ratio full"',
    )
    .addOption(new Option('--run <id>', 'one run, in this process').hideHelp())
    .addOption(new Option('--parent <pid>', 'the process that started it').hideHelp().argParser(wholeNumber))
    .addHelpText('after', EXAMPLES)
    .action(async (options: VariantsOptions) => {
      process.stdout.on('error', stopWhenClosed);
      const { runVariants } = await import('./run-variants.ts');
      process.exitCode = await runVariants(options);
    });
}

/** Adds what `variants` and `reproduce` share. */
export function addSweepOptions(command: Command): Command {
  return command
    .requiredOption('--output <folder>', 'where runs and reports go; the same command goes on there')
    .option('--data <folder>', 'train/CLASS and val/CLASS; default: emoji, in styles known and never seen')
    .option('--test <name=folder>', 'another domain of the same classes. May be repeated', also)
    .option('--packages <folder>', 'the folder whose node_modules has the icon sets of emoji')
    .option('--cache <folder>', "where drawings are kept; default the package's cache folder")
    .option('--quick', 'small networks, few epochs: minutes')
    .option(
      '--seeds <n>',
      'networks of each variant (default: 3; with --report those that are there)',
      wholeNumber,
    )
    .option(
      '--jobs <n>',
      'networks trained at once; figures do not depend on it (default: as many as cores, 1 on cuda)',
      wholeNumber,
    )
    .addOption(
      new Option('--depth <n>', 'of the ResNet').choices(['18', '34', '50', '101', '152']).argParser(Number),
    )
    .option('--widths <n...>', 'planes of the four stages', wholeNumbers)
    .addOption(new Option('--stem <kind>', 'default by --size').choices(['imagenet', 'small']))
    .option('--size <pixels>', 'side of the images', wholeNumber)
    .option('--epochs <n>', 'of each run', wholeNumber)
    .option('--batch-size <n>', 'images of a step', wholeNumber)
    .option('--lr <rate>', 'the first rate, which falls by a cosine', positive)
    .addOption(new Option('--device <device>', 'where to compute (default: cpu)').choices(['cpu', 'cuda']))
    .option('--report', "train nothing; report what is done, by the folder's own options")
    .option('--json', 'print one JSON object in place of text');
}

const EXAMPLES = `
Without --data the drawings of five icon sets are classified into Unicode's nine groups; they are npm packages: @iconify-json/noto,
openmoji, fluent-emoji, fluent-emoji-flat, twemoji, emojione, @iconify/utils, unicode-emoji. Ended at any moment, by kill -9
too, the same command goes on. With --data the defaults are the paper's: ResNet-50, 224 pixels, 100 epochs, batches of 256.

Examples:
  npx ibn-net variants --quick --output runs/variants
  npx ibn-net variants --quick --output runs/blocks --variant none a b c d "a&d" "a x2"
  npx ibn-net variants --data imagenet --test monet=imagenet-monet --device cuda --jobs 1 --seeds 1 --output runs/imagenet`;
