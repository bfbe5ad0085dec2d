import type { Command } from 'commander';

interface Options {
  json?: boolean;
  keys?: string;
  stats?: boolean;
}

/** Adds the command `inspect` to the program. */
export function registerInspect(program: Command): void {
  program
    .command('inspect')
    .description('Show what is in a checkpoint, which network it fits and how to load it')
    .argument('<file>', 'a .pth, .pt, .pth.tar, .bin or .safetensors file')
    .option('--json', 'as one JSON object')
    .option('--keys <pattern>', 'only tensors whose key has this in it; * stands for anything')
    .option('--stats', 'smallest, largest and mean number of each tensor, and how many are NaN or infinite')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

const EXAMPLES = `
Nothing in the file is run, and without --stats no weight is read.

Examples:
  npx ibn-net inspect model_best.pth.tar
  npx ibn-net inspect weights.safetensors --keys 'layer4.*.weight' --stats`;

async function run(path: string, { json, ...options }: Options): Promise<void> {
  const [{ inspectCheckpoint, reportJson }, { formatReport }] = await Promise.all([
    import('./report.ts'),
    import('./tree.ts'),
  ]);
  const report = inspectCheckpoint(path, options);
  console.log(json ? JSON.stringify(reportJson(report), null, 2) : formatReport(report));
}
