// What the makers of steps draw with.

export const CHANNELS = [1, 2, 3, 4, 5, 6, 8, 12, 16, 17, 24, 32];

export const channelsOf = (pool, index) => pool.values[index].shape[1];

export function divisors(a, b) {
  return [1, 2, 3, 4, 6, 8, 12, 16, 32].filter((n) => a % n === 0 && b % n === 0);
}

/**
 * Whether an example differs enough along `dims`: what a norm leaves of a constant map, or its `std`, is rounding, which
 * has no largest value to compare with.
 */
export function varies(x, dims) {
  const largest = x.abs().max().item();
  return x.amax(dims).sub(x.amin(dims)).min().item() > 1e-2 * largest;
}

/** One value, by a closure that is drawn for it. */
export const unary = (pick, draw) => (context) => {
  const from = context.pool[pick]();
  if (from === undefined) return undefined;
  const [run, text] = draw(context, context.pool.values[from].shape);
  return { from: [from], run, text };
};

export const binary = (first, second, draw) => (context) => {
  const { pool, random } = context;
  const one = pool[first]();
  const two = one === undefined ? undefined : pool[second](one);
  if (two === undefined) return undefined;
  const [run, text] = draw(context);
  return { from: random.chance(0.5) ? [one, two] : [two, one], run, text };
};
