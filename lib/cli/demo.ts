import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { RELEASE_URL } from '../models/weights.ts';
import type { Prediction } from './network/classifier.ts';

/** The package's `assets`, seen from lib/cli as well as from dist/cli. */
const ASSETS = new URL('../../assets/', import.meta.url);
const CHECKPOINT = 'fashion-mnist-resnet-ibn-a.pth';

/** One of the demo's images: what the network says it is, and what it is. */
export interface DemoRow {
  readonly file: string;
  readonly truth: string;
  readonly prediction: Prediction;
}

/** Adds the command `demo` to the program. */
export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('Classify ten images with the small network that comes with the package')
    .action(async () => {
      process.stdout.write(formatDemo(await runDemo()));
    });
}

/** Classifies the embedded images with the embedded checkpoint. */
export async function runDemo(): Promise<DemoRow[]> {
  const [{ Classifier }, { decodeImage }] = await Promise.all([
    import('./network/classifier.ts'),
    import('../data/index.ts'),
  ]);
  const truths: Record<string, string> = JSON.parse(
    await readFile(new URL('images/labels.json', ASSETS), 'utf8'),
  );
  const classifier = await Classifier.load({ checkpoint: fileURLToPath(new URL(CHECKPOINT, ASSETS)) });
  const files = Object.keys(truths);
  const images = await Promise.all(
    files.map(async (file) =>
      classifier.prepare(await decodeImage(fileURLToPath(new URL(`images/${file}`, ASSETS)))),
    ),
  );
  const predictions = await classifier.predict(images, 1);
  return files.map((file, index) => ({
    file,
    truth: truths[file] as string,
    prediction: predictions[index]?.[0] as Prediction,
  }));
}

/** The demo's whole output. */
export function formatDemo(rows: readonly DemoRow[]): string {
  const right = rows.filter(({ prediction, truth }) => prediction.class === truth).length;
  return [
    'A ResNet-IBN-a trained on Fashion-MNIST by examples/fashion-mnist, on ten test images:',
    '',
    ...table(rows),
    '',
    `${right} of ${rows.length} right.`,
    '',
    'For photographs, with the published ImageNet weights, which are fetched once (103 MB for ResNet-50):',
    '',
    '  npx ibn-net classify photo.jpg --model resnet50_ibn_a',
    '',
    `Without a network get the file by other means: ${RELEASE_URL}resnet50_ibn_a-d9d0bb7b.pth`,
    '  npx ibn-net classify photo.jpg --model resnet50_ibn_a --checkpoint resnet50_ibn_a-d9d0bb7b.pth',
    '',
  ].join('\n');
}

function table(rows: readonly DemoRow[]): string[] {
  const cells = rows.map(({ file, truth, prediction }) => [
    file,
    truth,
    prediction.class,
    `${(100 * prediction.probability).toFixed(1).padStart(5)} %`,
    prediction.class === truth ? '' : 'wrong',
  ]);
  const all = [['image', 'truth', 'prediction', 'probability', ''], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => (row[column] as string).length)));
  const lines = all.map((row) =>
    `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd(),
  );
  return [lines[0] as string, `  ${widths.map((width) => '-'.repeat(width)).join('  ')}`, ...lines.slice(1)];
}
