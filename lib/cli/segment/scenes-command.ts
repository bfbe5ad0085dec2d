import { type Command, InvalidArgumentError } from 'commander';
import { share, wholeNumber } from '../flag-values.ts';
import { stopWhenClosed } from '../network/network-options.ts';
import type { ScenesCommandOptions } from './scenes.ts';

/** Adds the command `segment scenes`. */
export function registerScenes(segment: Command): void {
  segment
    .command('scenes')
    .description('Draw two domains of scenes with exact masks: other hands, other photographs')
    .argument('<folder>', 'where a and b go, each with images and masks, train and val in each')
    .requiredOption('--photographs-a <folder>', 'photographs that scenes of a stand on, searched through')
    .requiredOption('--photographs-b <folder>', 'photographs of b, none of them in a')
    .option('--hand-a <style>', 'whose hand draws a: an icon set', 'fluent-emoji')
    .option('--hand-b <style>', 'whose hand draws b', 'openmoji')
    .option('--train <n>', "scenes of each domain's train", wholeNumber, 400)
    .option('--val <n>', "scenes of each domain's val", wholeNumber, 100)
    .option('--size <pixels...>', 'height and width', sizes, DEFAULT_SIZE)
    .option('--plain <share>', 'of scenes on plain colours in place of photographs', share, 0.25)
    .option('--seed <n>', 'other scenes for another number', seedOf, 0)
    .option('--packages <folder>', 'the folder whose node_modules has the icon sets')
    .option('--cache <folder>', "where drawings are kept; default the package's cache folder")
    .addHelpText('after', EXAMPLES)
    .action(async (folder: string, options: ScenesCommandOptions) => {
      process.stdout.on('error', stopWhenClosed);
      const { writeSceneFolders } = await import('./scenes.ts');
      await writeSceneFolders(folder, options);
    });
}

const DEFAULT_SIZE = [128, 192];

function sizes(text: string, before: readonly number[]): number[] {
  return before === DEFAULT_SIZE ? [wholeNumber(text)] : [...before, wholeNumber(text)];
}

function seedOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError(`Expected an integer, got "${text}".`);
}

const EXAMPLES = `
The icon sets are npm packages: @iconify-json/fluent-emoji, @iconify-json/fluent-emoji-flat, @iconify-json/openmoji, @iconify/utils,
unicode-emoji. Photographs: Debian's mate-backgrounds and lomiri-wallpapers-16.04, for example. Ended at any moment, the same command goes on.

Example:
  npx ibn-net segment scenes scenes --photographs-a /usr/share/backgrounds/mate/nature --photographs-b lomiri --train 400 --val 100`;
