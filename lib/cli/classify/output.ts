import { fsEncode } from '../../data/fs-path.ts';
import type { Prediction } from '../network/classifier.ts';
import type { ClassifyStreams } from './classify.ts';
import type { Answer } from './images.ts';

/** Prints what became of images: classes on `stdout`, what could not be read on `stderr`. */
export function printAnswers(
  answers: readonly Answer[],
  json: boolean,
  { stdout, stderr }: Pick<ClassifyStreams, 'stdout' | 'stderr'>,
): void {
  for (const answer of answers) {
    // A name that is not UTF-8 is written as the bytes that it is.
    if ('error' in answer) stderr.write(fsEncode(`${answer.error.message}\n`));
    else stdout.write(fsEncode(format(answer.path, answer.predictions, json)));
  }
}

function format(path: string, predictions: readonly Prediction[], json: boolean): string {
  if (json) return `${JSON.stringify({ path, predictions })}\n`;
  const lines = predictions.map(
    (guess) => `${(100 * guess.probability).toFixed(1).padStart(7)} %  ${guess.class}\n`,
  );
  return `${path}\n${lines.join('')}`;
}

/** How many images could not be read. */
export function unreadableLine(failures: number, images: number): string {
  const count = (value: number) => value.toLocaleString('en');
  return `${count(failures)} of ${count(images)} images could not be read\n`;
}
