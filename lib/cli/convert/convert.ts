import { type Command, Option } from 'commander';
import type { DType } from '../../tensor/index.ts';

interface Options {
  dtype?: DType;
  half?: boolean;
  rename?: string[];
  stripPrefix?: string;
  addPrefix?: string;
  drop?: boolean;
  clone?: boolean;
  force?: boolean;
}

/** Adds the command `convert` to the program. */
export function registerConvert(program: Command): void {
  program
    .command('convert')
    .description(
      "Write a checkpoint's weights as a .pth or .safetensors file, with other keys or another dtype",
    )
    .argument('<in>', 'a checkpoint of any format')
    .argument('<out>', 'what to write; its ending says the format')
    .addOption(
      new Option('--dtype <dtype>', 'of floating-point tensors').choices([
        'float64',
        'float32',
        'float16',
        'bfloat16',
      ]),
    )
    .addOption(new Option('--half', 'the same as --dtype float16').conflicts('dtype'))
    .option('--strip-prefix <prefix>', 'take this from the front of keys; "auto" takes what all begin with')
    .option(
      '--rename <old=new>',
      'a key, or the front of keys up to a dot; /PATTERN/=NEW with $1; may be repeated',
      collect,
    )
    .option('--add-prefix <prefix>', 'put this before all keys')
    .option('--drop', 'leave out what lies beside the weights, and say what')
    .option('--clone', 'for safetensors: write tensors that share memory each by itself')
    .option('--force', 'write over a file that is there')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

const EXAMPLES = `
Only the weights are written. The file appears complete or not at all.

Examples:
  npx ibn-net convert model_best.pth.tar weights.safetensors --strip-prefix module. --drop
  npx ibn-net convert weights.safetensors weights.pth --half
  npx ibn-net convert osnet.pth renamed.pth --rename classifier=fc`;

async function run(from: string, to: string, { half, dtype, ...options }: Options): Promise<void> {
  const { convertFile, formatConversion } = await import('./rewrite.ts');
  const wanted = half ? 'float16' : dtype;
  console.log(formatConversion(to, convertFile(from, to, { ...options, dtype: wanted })));
}

function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}
