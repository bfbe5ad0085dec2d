import { type Command, InvalidArgumentError, Option } from 'commander';
import { also, wholeNumber } from '../flag-values.ts';
import { stopWhenClosed } from '../network/network-options.ts';
import { addServerFlags } from '../serve/serve-options.ts';
import type { ReidCheckOptions } from './check.ts';
import type { ReidEvaluateOptions } from './evaluate.ts';
import type { ReidExtractOptions } from './extract.ts';
import type { ReidReportCommand } from './report.ts';
import type { ReidSearchOptions } from './search.ts';
import type { ReidServeOptions } from './serve.ts';
import { registerReidTrain } from './train.ts';

/** Adds the commands of re-identification: `reid train`, `reid evaluate`, `reid extract`, `reid search`, `reid check`, `reid report`, `reid serve`. */
export function registerReid(program: Command): void {
  const reid = program
    .command('reid')
    .description('Re-identification: train, evaluate, extract features, search');
  registerReidTrain(reid);
  registerEvaluate(reid);
  registerExtract(reid);
  registerSearch(reid);
  registerCheck(reid);
  registerReport(reid);
  registerReidServe(reid);
}

function registerEvaluate(reid: Command): void {
  addBatchedNetwork(
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
  addBatchedNetwork(
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
  addBatchedNetwork(
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

function registerCheck(reid: Command): void {
  reid
    .command('check')
    .description('Look for what is wrong with a checkpoint, or with features that another program made of it')
    .argument('<image...>', 'files or folders: some of the kind that it was trained on')
    .requiredOption('--checkpoint <file>', 'a .pth file')
    .addOption(layoutOption())
    .option(
      '--features <file>',
      'what another program gave for all these images, in their order: "features" (N, D)',
    )
    .option('--size <HxW>', "of the images; default: the published configuration's", heightAndWidth)
    .option('--json', 'print one JSON object in place of text')
    .addHelpText('after', CHECK_EXAMPLES)
    .action(async (images: string[], options: ReidCheckOptions) => {
      process.stdout.on('error', stopWhenClosed);
      const { checkReid } = await import('./check.ts');
      if (!(await checkReid(images, options))) process.exitCode = 1;
    });
}

function registerReport(reid: Command): void {
  const command = reid
    .command('report')
    .description('Show a retrieval as one page of HTML: ranked lists, CMC, ROC, mAP by cameras, features')
    .option('--query <file.safetensors>', 'what "reid extract --pattern" has written of the queries')
    .option('--gallery <file.safetensors>', 'the same of the gallery')
    .option('--query-images <folder>', 'the folder that the queries were extracted from, to show them')
    .option('--gallery-images <folder>', 'the same of the gallery')
    .option('--checkpoint <file>', 'or compute features: a .pth file', also)
    .option('--test <set[=folder]>', `on a data set, ${SETS}`)
    .option('--root <folder>', 'where the data sets lie that have no folder of their own', 'datasets')
    .option(
      '--pattern <pattern>',
      'of folder: how names say identity and camera, such as "{id}_c{camera}_{}"',
    );
  batched(addRunning(command))
    .addOption(
      new Option('--metric <metric>', 'how far features are apart')
        .choices(['euclidean', 'cosine'])
        .default('cosine'),
    )
    .option('--lists <n>', 'queries of each kind: best, worst, random', wholeNumber, 5)
    .option('--top <n>', 'images of a list', wholeNumber, 10)
    .option('--title <text>', 'of the page')
    .option('--output <file>', 'the page', 'reid-report.html')
    .addHelpText('after', REPORT_EXAMPLES)
    .action(async (options: ReidReportCommand) => {
      const { reportReid } = await import('./report.ts');
      await reportReid(options);
    });
}

function heightAndWidth(text: string): [number, number] {
  const [, height, width] = /^([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
  if (height !== undefined) return [Number(height), Number(width)];
  throw new InvalidArgumentError('Expected height x width, such as 256x128.');
}

const layoutOption = (): Option =>
  new Option('--layout <layout>', 'whose file it is; default: what its keys say').choices([
    'reid-strong-baseline',
    'fast-reid',
    'torchreid',
  ]);

function registerReidServe(reid: Command): void {
  const command = reid
    .command('serve')
    .description('Search, enrol and look at a gallery over HTTP, with a page in the browser')
    .requiredOption('--gallery <folder>', 'keeps entries and their images; begun where there is none')
    .option('--images <folder>', 'where files lie that ids are the paths of, to show them')
    .option(
      '--import <file.safetensors>',
      'what "reid extract" has written with the same network: its entries that are not there yet. May be repeated',
      also,
    );
  addServerFlags(addNetwork(command))
    .addHelpText('after', SERVE_EXAMPLES)
    .action(async (options: ReidServeOptions) => {
      const { serveReid } = await import('./serve.ts');
      await serveReid(options);
    });
}

function addNetwork(command: Command): Command {
  return addRunning(
    command.requiredOption(
      '--checkpoint <file>',
      'a .pth file; of evaluate: may be repeated, to compare several',
      also,
    ),
  );
}

/** How a network is loaded and run. */
function addRunning(command: Command): Command {
  return command
    .addOption(layoutOption())
    .addOption(new Option('--device <device>', 'where to compute').choices(['cpu', 'cuda']).default('cpu'))
    .option('--flip', 'average with the features of the mirrored image');
}

const batched = (command: Command): Command =>
  command.option('--batch-size <n>', 'images computed together', wholeNumber, 64);

const addBatchedNetwork = (command: Command): Command => batched(addNetwork(command));

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

const CHECK_EXAMPLES = `
Ends with 1 where something is wrong. What running statistics tell needs 8 images or more; ceil_mode, sizes, the side of the neck
and training mode show in --features alone.

Examples:
  npx ibn-net reid check query/ --checkpoint market_sbs_R50-ibn.pth
  npx ibn-net reid check a.jpg b.jpg --checkpoint model.pth --features from-python.pt`;

const REPORT_EXAMPLES = `
Examples:
  npx ibn-net reid report --query query.safetensors --gallery gallery.safetensors --query-images query/ --gallery-images bounding_box_test/
  npx ibn-net reid report --checkpoint sbs_R50-ibn.pth --test market=data/Market-1501-v15.09.15 --flip --output market.html`;

const SERVE_EXAMPLES = `
Galleries in folders need a package: npm install lmdb. GET / is the page, GET /openapi.json describes all routes.

Examples:
  npx ibn-net reid serve --checkpoint sbs_R50-ibn.pth --gallery people --flip
  npx ibn-net reid serve --checkpoint a.pth --gallery market --import gallery.safetensors --images bounding_box_test
  curl -F file=@query.jpg -F k=5 -F notCamera=2 localhost:8080/search
  curl -F file=@anna.jpg -F identity=anna -F camera=hall -F tags=staff,day localhost:8080/enrol`;
