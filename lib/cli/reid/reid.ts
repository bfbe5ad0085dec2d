import { type Command, Option } from 'commander';
import { stopWhenClosed, wholeNumber } from '../network/network-options.ts';
import type { ReidEvaluateOptions } from './evaluate.ts';
import type { ReidExtractOptions } from './extract.ts';
import type { ReidSearchOptions } from './search.ts';

/** Adds the commands of re-identification: `reid evaluate`, `reid extract`, `reid search`. */
export function registerReid(program: Command): void {
  const reid = program.command('reid').description('Re-identification: evaluate, extract features, search');
  registerEvaluate(reid);
  registerExtract(reid);
  registerSearch(reid);
}

function registerEvaluate(reid: Command): void {
  addNetwork(
    reid
      .command('evaluate')
      .description(
        'Rank the galleries of Re-ID data sets: CMC, mAP and mINP, a line for each network and set',
      )
      .requiredOption('--test <set[=folder]>', `a data set, ${SETS}. May be repeated`, also)
      .option('--root <folder>', 'where the data sets lie that have no folder of their own', 'datasets')
      .option(
        '--pattern <pattern>',
        'of folder: how names say identity and camera, such as "{id}_c{camera}_{}"',
      )
      .addOption(
        new Option('--metric <metric>', 'how far features are apart')
          .choices(['euclidean', 'cosine'])
          .default('cosine'),
      )
      .addOption(
        new Option('--rerank [form]', 're-rank by k-reciprocal neighbours; default strong-baseline')
          .choices(['strong-baseline', 'fast-reid'])
          .preset('strong-baseline'),
      )
      .option('--aqe', "expand queries and gallery as fast-reid's AQE")
      .option('--json', 'print one JSON object in place of text'),
  )
    .addHelpText('after', EVALUATE_EXAMPLES)
    .action(async (options: ReidEvaluateOptions) => {
      process.stdout.on('error', stopWhenClosed);
      const { evaluateReid } = await import('./evaluate.ts');
      await evaluateReid(options);
    });
}

function registerExtract(reid: Command): void {
  addNetwork(
    reid
      .command('extract')
      .description('Write the features of all images of a folder, with their names')
      .argument('<folder>', 'searched through')
      .requiredOption(
        '--output <file.safetensors>',
        'the file to write: "features" (N, D), names as JSON beside it',
      )
      .option(
        '--pattern <pattern>',
        'how names say identity and camera, such as "{id}_c{camera}s{}"; kept beside the names',
      )
      .option('--no-normalize', 'leave features as the network gives them, not of length 1'),
  )
    .addHelpText('after', EXTRACT_EXAMPLES)
    .action(async (folder: string, options: ReidExtractOptions) => {
      const { extractReid } = await import('./extract.ts');
      await extractReid(folder, options);
    });
}

function registerSearch(reid: Command): void {
  addNetwork(
    reid
      .command('search')
      .description('Find the images most like others among features that "reid extract" has written')
      .argument('<image...>', 'files')
      .requiredOption(
        '--gallery <file.safetensors>',
        'what "reid extract" has written, with the same network',
      )
      .option('--top <n>', 'how many to print', wholeNumber, 10)
      .option('--camera <name>', 'only images of this camera. May be repeated', also)
      .option('--not-camera <name>', 'no images of this camera. May be repeated', also)
      .option(
        '--json',
        'print one JSON object a line: {"path", "matches": [{"name", "similarity", "id", "camera"}]}',
      ),
  )
    .addHelpText('after', SEARCH_EXAMPLES)
    .action(async (images: string[], options: ReidSearchOptions) => {
      process.stdout.on('error', stopWhenClosed);
      const { searchReid } = await import('./search.ts');
      await searchReid(images, options);
    });
}

const also = (value: string, before: readonly string[] = []): string[] => [...before, value];

function addNetwork(command: Command): Command {
  return command
    .requiredOption(
      '--checkpoint <file>',
      'a .pth file; of evaluate: may be repeated, to compare several',
      also,
    )
    .addOption(
      new Option('--layout <layout>', 'whose file it is; default: what its keys say').choices([
        'reid-strong-baseline',
        'fast-reid',
        'torchreid',
      ]),
    )
    .addOption(new Option('--device <device>', 'where to compute').choices(['cpu', 'cuda']).default('cpu'))
    .option('--batch-size <n>', 'images computed together', wholeNumber, 64)
    .option('--flip', 'average with the features of the mirrored image');
}

const SETS =
  'market1501, dukemtmcreid, msmt17, cuhk03, cuhk03-labeled, cuhk03-classic, cuhk03-classic-labeled, veri, vehicleid, viper, folder or csv';

const EVALUATE_EXAMPLES = `
Short names: market, duke, msmt. "folder" has query/ and gallery/ and needs --pattern; "csv" is a table with path, id, camera, split.

Examples:
  npx ibn-net reid evaluate --checkpoint sbs_R50-ibn.pth --test market --test msmt --flip
  npx ibn-net reid evaluate --checkpoint a.pth --checkpoint b.pth --test market=data/Market-1501-v15.09.15 --rerank --json
  npx ibn-net reid evaluate --checkpoint a.pth --test folder=shots --pattern "{id}_c{camera}_{}"`;

const EXTRACT_EXAMPLES = `
Examples:
  npx ibn-net reid extract shots/ --checkpoint sbs_R50-ibn.pth --output features.safetensors
  npx ibn-net reid extract bounding_box_test/ --checkpoint a.pth --output gallery.safetensors --pattern "{id}_c{camera}s{}" --flip`;

const SEARCH_EXAMPLES = `
Examples:
  npx ibn-net reid search query.jpg --gallery gallery.safetensors --checkpoint a.pth --flip --top 5`;
