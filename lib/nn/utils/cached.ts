import { checkPositions, describeValue } from '../../options.ts';
import { keep, type Tensor } from '../../tensor/index.ts';
import { refusePromise } from '../../tensor/scope.ts';

/** What {@link cached} has kept so far; null where it does not run. */
let values: Map<object, Tensor> | null = null;

/**
 * Runs `fn`, in which each parametrized tensor is computed at its first access only, as torch's `with parametrize.cached()`.
 * Calls may stand in each other; what is kept goes with the outermost.
 *
 * @throws TypeError when `fn` returns a promise.
 * @example nn.utils.parametrize.cached(() => rnn.forward(sequence)); // its weight is computed once, not at every step
 */
export function cached<T>(fn: () => T): T {
  checkPositions('cached', arguments, 1);
  if (typeof fn !== 'function')
    throw new TypeError(`Expected a function for cached, got ${describeValue(fn)}`);
  const outer = values;
  values ??= new Map();
  try {
    const result = fn();
    refusePromise(result, 'cached');
    return result;
  } finally {
    values = outer;
  }
}

/** What `compute` gives, or gave for `owner` before inside {@link cached}. */
export function recall(owner: object, compute: () => Tensor): Tensor {
  if (values === null) return compute();
  const known = values.get(owner);
  if (known !== undefined && !known.disposed) return known;
  const value = keep(compute());
  values.set(owner, value);
  return value;
}
