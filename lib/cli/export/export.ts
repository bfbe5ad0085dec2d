import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ExportedOnnx } from '../../compile/index.ts';
import { wholeNumber } from '../flag-values.ts';
import type { Task } from './load-network.ts';

interface Options {
  task: Task;
  model?: string;
  checkpoint?: string;
  size?: [number, number];
  batch?: number;
  opset?: number;
  norms: 'ops' | 'decomposed';
  externalData?: boolean;
  force?: boolean;
}

/** Adds the command `export` to the program. */
export function registerExport(program: Command): void {
  program
    .command('export')
    .description('Write a network with its weights as an ONNX file, for ONNX Runtime, TensorRT, OpenVINO')
    .argument('<out>', 'what to write, such as model.onnx')
    .addOption(
      new Option('--task <task>', 'what the network is for')
        .choices(['classify', 'reid', 'segment'])
        .default('classify'),
    )
    .option(
      '--model <name>',
      'network for classification, such as resnet50_ibn_a; default what the checkpoint names',
    )
    .option('--checkpoint <file>', 'the weights; default those published for --model')
    .option('--size <height>x<width>', "of the images; default the checkpoint's, or 224x224", imageSize)
    .option('--batch <images>', 'take this many images alone; default any number', wholeNumber)
    .option('--opset <version>', "of ONNX's operators", wholeNumber)
    .addOption(
      new Option('--norms <form>', 'as operators, or as sums and products')
        .choices(['ops', 'decomposed'])
        .default('ops'),
    )
    .option('--external-data', 'write the weights into a file of their own, <out>.data')
    .option('--force', 'write over a file that is there')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

const EXAMPLES = `
The file appears complete or not at all.

Examples:
  npx ibn-net export resnet50_ibn_a.onnx --model resnet50_ibn_a
  npx ibn-net export mine.onnx --checkpoint model_best.pth.tar --size 256x256
  npx ibn-net export reid.onnx --task reid --checkpoint market_sbs_R50-ibn.pth --norms decomposed
  npx ibn-net export scenes.onnx --task segment --checkpoint deeplab.pth --size 512x1024 --batch 1`;

async function run(out: string, { batch, opset, norms, externalData, ...network }: Options): Promise<void> {
  const { exportFile } = await import('./export-file.ts');
  console.log(formatExport(await exportFile(out, { ...network, batch, opset, norms, externalData })));
}

/** Reads `256x128`. */
function imageSize(text: string): [number, number] {
  const found = /^([1-9]\d*)x([1-9]\d*)$/.exec(text);
  if (found) return [Number(found[1]), Number(found[2])];
  throw new InvalidArgumentError(`Expected HEIGHTxWIDTH such as 256x128, got "${text}".`);
}

/** What was written, in lines for people. */
export function formatExport({ path, dataPath, opset, inputs, outputs, operators }: ExportedOnnx): string {
  const values = (some: ExportedOnnx['inputs']) =>
    some.map(({ name, dtype, shape }) => `${name} ${dtype} [${shape.join(', ')}]`).join(', ');
  const counts = Object.entries(operators).sort(([, a], [, b]) => b - a);
  return [
    `${path}${dataPath === null ? '' : ` and ${dataPath}`}: ONNX, opset ${opset}`,
    `  inputs     ${values(inputs)}`,
    `  outputs    ${values(outputs)}`,
    `  operators  ${counts.map(([name, count]) => `${count} ${name}`).join(', ')}`,
  ].join('\n');
}
