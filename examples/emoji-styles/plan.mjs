// What the study trains: which networks, on which styles, for how long.

/** What is compared. Where instance normalisation stands is all that differs; b has it after whole stages. */
export const VARIANTS = {
  plain: [null, null, null, null],
  ibn_a: ['a', 'a', 'a', null],
  ibn_b: ['b', 'b', null, null],
};

/** One style of each hand whose drawings of all emoji there are. */
export const HANDS = ['noto', 'twemoji', 'openmoji', 'fluent-emoji'];

/** Two styles with one geometry: what differs is shading alone. */
export const SHADING = ['fluent-emoji', 'fluent-emoji-flat'];

/** Shares of the emoji: to train with, to choose the epoch by, to test with. */
export const SHARES = [0.7, 0.1, 0.2];

const COMMON = {
  size: 32,
  classes: 'group',
  batchSize: 64,
  lr: 0.05,
  weightDecay: 5e-4,
  layers: [2, 2, 2, 2],
};

/** How long and how large. `epochs` are by part; so many images of Fashion-MNIST, to train with and to test with. */
export const FORMS = {
  full: {
    ...COMMON,
    widths: [16, 32, 64, 128],
    folds: HANDS,
    epochs: { styles: 40, shading: 60, fashion: 10 },
    fashion: [20_000, 10_000],
  },
  quick: {
    ...COMMON,
    widths: [8, 16, 32, 64],
    folds: ['openmoji', 'twemoji'],
    epochs: { styles: 8, shading: 16, fashion: 4 },
    fashion: [6000, 2000],
  },
};

/** Every run, the seeds outermost: what is there when a study is broken off is comparable. */
export function planRuns(form, parts, seeds) {
  const runs = [];
  for (let seed = 0; seed < seeds; seed++) {
    for (const [part, fold] of foldsOf(form, parts)) {
      for (const variant of Object.keys(VARIANTS)) {
        runs.push({ id: `${part}-${fold}-${variant}-${seed}`, part, fold, variant, seed });
      }
    }
  }
  return runs;
}

function foldsOf({ folds }, parts) {
  const all = [
    ...folds.map((style) => ['styles', style]),
    ...SHADING.map((style) => ['shading', style]),
    ['fashion', 'clean'],
  ];
  return all.filter(([part]) => parts.includes(part));
}

/** Styles to train on. A fold of `styles` is named after the hand that is left out, one of `shading` after its training style. */
export function trainingStyles({ part, fold }) {
  return part === 'shading' ? [fold] : HANDS.filter((style) => style !== fold);
}
