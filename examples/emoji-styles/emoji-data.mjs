// Emoji as a run sees them: things to train with, to choose the epoch by and to test with, in styles known and never seen.
import { fileURLToPath } from 'node:url';
import { datasets, tensor } from 'ibn-net';
import { HANDS, SHADING, SHARES, trainingStyles } from './plan.mjs';

const { EMOJI_STYLES, EmojiStyles, splitEmoji } = datasets;

const FOLDER = fileURLToPath(new URL('drawings', import.meta.url));

/** All nine styles, of the emoji that the modern ones have in common. */
export function loadEmoji({ size, classes, packages = FOLDER, cache }) {
  return EmojiStyles.load({
    styles: EMOJI_STYLES.map(({ name }) => name),
    inAll: [...new Set([...HANDS, ...SHADING])],
    size,
    classes,
    packages,
    ...(cache === undefined ? {} : { cache }),
  });
}

/** uint8 images (N, 3, size, size) and labels of samples. */
function pairOf(emoji, indices) {
  const labels = indices.map((index) => emoji.targets[index]);
  return { images: emoji.images(indices), labels: tensor(labels, { dtype: 'int64' }) };
}

/**
 * Tests are named `in-domain` (things never seen, in the training styles), `new: STYLE` (the same things in a style never seen)
 * and `known: STYLE` (training's things in a style never seen).
 */
export function emojiRun(emoji, run) {
  const seen = trainingStyles(run);
  const unseen = unseenStyles(emoji, run, seen);
  const { test } = emoji.splitByStyle({ train: seen, test: unseen, sharedGeometry: run.part === 'shading' });
  const isTest = new Set(test);
  const [known, chosenBy, fresh] = splitEmoji(emoji.emoji, SHARES, { seed: run.seed });
  const of = (styles, things) => emoji.indices({ styles, emoji: things });
  const tests = { 'in-domain': pairOf(emoji, of(seen, fresh)) };
  for (const style of unseen) {
    for (const [kind, things] of [
      ['new', fresh],
      ['known', known],
    ]) {
      const indices = of([style], things).filter((index) => isTest.has(index));
      if (indices.length > 0) tests[`${kind}: ${style}`] = pairOf(emoji, indices);
    }
  }
  return {
    train: pairOf(emoji, of(seen, known)),
    val: pairOf(emoji, of(seen, chosenBy)),
    tests,
    classes: emoji.classes,
    flips: true,
  };
}

function unseenStyles(emoji, { part, fold }, seen) {
  if (part === 'shading') return SHADING.filter((style) => style !== fold);
  const familyOf = (name) => EMOJI_STYLES.find((style) => style.name === name).family;
  const families = new Set(seen.map(familyOf));
  return emoji.styles.filter((style) => !families.has(familyOf(style)));
}
