import { type Handle, loadBinding, type NativeOp } from '../binding.ts';

type Guard = (args: readonly unknown[]) => void;

const MOST = 2 ** 31 - 1;
const POOLING = ['kernel_size', 'stride', 'padding', 'dilation'];

/** libtorch 2.13 has an int for these in its other pools; here it would walk through the window for years. */
const maxPool1d: Guard = ([, ...lists]) => {
  for (const [place, name] of POOLING.entries()) {
    for (const value of [lists[place] ?? []].flat()) {
      if (Math.abs(Number(value)) <= MOST) continue;
      throw new RangeError(
        `Expected whole numbers up to ${MOST} for aten::max_pool1d argument "${name}", got ${value}`,
      );
    }
  }
};

/** libtorch 2.13 reads one pivot for each row or column, whichever are fewer, without asking how many there are. */
const luUnpack: Guard = ([data, pivots, , unpackPivots]) => {
  if (unpackPivots === false) return;
  const { binding } = loadBinding();
  const [lu, got] = [binding.sizes(data as Handle), binding.sizes(pivots as Handle)];
  if (lu.length < 2) return; // which libtorch refuses
  const batch = lu.slice(0, -2);
  const least = Math.min(...lu.slice(-2));
  const ofBatch = got.slice(0, -1).reverse();
  const fits =
    ofBatch.length <= batch.length && ofBatch.every((size, i) => size === 1 || size === batch.at(-1 - i));
  if (fits && (got.at(-1) ?? 0) >= least) return;
  throw new RangeError(
    `Expected pivots [${[...batch, least].join(', ')}] for aten::lu_unpack, got [${got.join(', ')}]`,
  );
};

/** What ends the process in libtorch, or never returns, by op. */
const GUARDS: Readonly<Record<string, Guard>> = {
  'aten::lu_unpack': luUnpack,
  'aten::max_pool1d': maxPool1d,
};

/** The native op, behind a check where libtorch has none and needs one. */
export function guarded(name: string, native: NativeOp): NativeOp {
  const guard = Object.hasOwn(GUARDS, name) ? GUARDS[name] : undefined;
  if (guard === undefined) return native;
  return (...args) => {
    guard(args);
    return native(...args);
  };
}
