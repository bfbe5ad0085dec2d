import { noGrad, ops, type Tensor } from '../../tensor/index.ts';
import { getRngState, setRngState, skipRandom } from '../../tensor/random.ts';

/** A uniform draw that has not been carried out: the generator has moved on, the tensor holds anything. */
interface Draw {
  readonly state: Tensor;
  readonly low: number;
  readonly high: number;
}

let deferred: Map<Tensor, Draw> | null = null;

/**
 * Runs `build`, and draws uniform numbers only for those tensors that it does not fill again. Networks draw most of
 * their weights twice: layers as PyTorch's do, then the network in its own way. The numbers and the generator
 * afterwards are the same as without.
 */
export function deferDraws<T>(build: () => T): T {
  if (deferred !== null) return build();
  const draws = new Map<Tensor, Draw>();
  deferred = draws;
  try {
    return build();
  } finally {
    deferred = null;
    carryOut(draws);
  }
}

function carryOut(draws: ReadonlyMap<Tensor, Draw>): void {
  if (draws.size === 0) return;
  const end = getRngState();
  for (const [target, { state, low, high }] of draws) {
    setRngState(state);
    noGrad(() => ops.aten.uniform_(target, low, high));
    state.dispose();
  }
  setRngState(end);
  end.dispose();
}

/** Puts a draw from U(low, high) off; false where it has to be made at once. */
export function deferUniform(target: Tensor, low: number, high: number): boolean {
  // One number of 32 bits for each element: true of this dtype on this device.
  if (deferred === null || target.dtype !== 'float32' || target.device !== 'cpu') return false;
  forgetDraw(target);
  deferred.set(target, { state: getRngState(), low, high });
  skipRandom(target.numel());
  return true;
}

/** Called when all of `target` is filled otherwise. */
export function forgetDraw(target: Tensor): void {
  const draw = deferred?.get(target);
  if (draw === undefined) return;
  draw.state.dispose();
  deferred?.delete(target);
}
