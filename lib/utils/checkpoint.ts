import { checkFlags, checkFunction, checkOptions, checkPositions, describeValue } from '../options.ts';
import { isGradEnabled, scope } from '../tensor/index.ts';
import { refusePromise } from '../tensor/scope.ts';
import { Frame } from './recompute.ts';

export interface CheckpointOptions {
  /** Must be false: the variant by saved-tensor hooks, which torch recommends. */
  useReentrant: false;
  /** Draw the same random numbers in the recomputation, as dropout needs. Default true. */
  preserveRngState?: boolean;
  /** `default` compares shapes, dtypes and devices of what is recomputed; `none` does not. Default `default`. */
  determinismCheck?: 'default' | 'none';
  /** End the recomputation with the last tensor that backward needs. Default true. */
  earlyStop?: boolean;
}

const OPTIONS = ['useReentrant', 'preserveRngState', 'determinismCheck', 'earlyStop'];

/**
 * Runs `fn` without keeping what its ops save for backward; backward runs it again instead. As torch.utils.checkpoint.checkpoint
 * with `use_reentrant=False` (PyTorch 2.13): less memory for the time of another forward.
 *
 * `fn` runs in a `scope()`, twice: it must do the same both times, and what it stores must be given to `keep`. Random numbers of
 * the CPU and of the inputs' devices, and autocast, are the same; checkpoints nest.
 *
 * @throws TypeError without the options as the last argument, or when `fn` returns a promise; in backward, TorchError
 * `ERR_RECOMPUTE_MISMATCH` where the second run saves other tensors than the first.
 * @example const logits = utils.checkpoint.checkpoint((x: Tensor) => model.forward(x), x, { useReentrant: false });
 */
export function checkpoint<A extends unknown[], R>(
  fn: (...inputs: A) => R,
  ...inputsAndOptions: [...A, CheckpointOptions]
): R {
  const inputs = inputsAndOptions.slice(0, -1) as A;
  const options = checkpointOptions('checkpoint', inputsAndOptions.at(-1));
  checkFunction('checkpoint', fn);
  const run = (...given: A): R =>
    scope(() => {
      const result = fn(...given);
      refusePromise(result, 'checkpoint');
      return result;
    });
  if (!isGradEnabled()) return run(...inputs);
  return new Frame(run, inputs, options).forward(inputs);
}

/**
 * Runs functions one after another, in `segments` checkpoints of about as many, the last of which is run as usual: as
 * torch.utils.checkpoint.checkpoint_sequential.
 *
 * @example
 * const layers = model.children().map((layer) => (x: Tensor): Tensor => layer.forward(x));
 * const logits = utils.checkpoint.checkpointSequential(layers, 2, x, { useReentrant: false });
 */
export function checkpointSequential<T>(
  functions: readonly ((input: T) => T)[],
  segments: number,
  input: T,
  options: CheckpointOptions,
): T {
  checkPositions('checkpointSequential', arguments, 4);
  checkpointOptions('checkpointSequential', options);
  checkFunctions(functions);
  if (!Number.isInteger(segments) || segments < 1 || segments > functions.length) {
    throw new RangeError(
      `Expected from 1 to ${functions.length} segments for checkpointSequential, got ${describeValue(segments)}`,
    );
  }
  const size = Math.floor(functions.length / segments);
  const runAll = (part: readonly ((input: T) => T)[]) => (x: T) => part.reduce((value, fn) => fn(value), x);
  let value = input;
  for (let i = 0; i < segments - 1; i++) {
    value = checkpoint(runAll(functions.slice(i * size, (i + 1) * size)), value, options);
  }
  return runAll(functions.slice((segments - 1) * size))(value);
}

function checkFunctions(functions: unknown): void {
  if (!Array.isArray(functions)) {
    throw new TypeError(
      `Expected an array of functions for checkpointSequential, got ${describeValue(functions)}; of layers, ` +
        'layers.map((layer) => (x) => layer.forward(x))',
    );
  }
  for (const [i, fn] of functions.entries()) checkFunction(`checkpointSequential, at ${i},`, fn);
}

function checkpointOptions(name: string, options: unknown): Required<CheckpointOptions> {
  const isGiven = typeof options === 'object' && options !== null && 'useReentrant' in options;
  if (!isGiven) {
    throw new TypeError(
      `Expected { useReentrant: false } as the last argument of ${name}, got ${describeValue(options)}`,
    );
  }
  checkOptions(name, options, OPTIONS);
  const {
    useReentrant,
    preserveRngState = true,
    determinismCheck = 'default',
    earlyStop = true,
  } = options as CheckpointOptions;
  if (useReentrant !== false) {
    throw new RangeError(
      `Expected useReentrant: false for ${name}, the only variant here, got ${describeValue(useReentrant)}`,
    );
  }
  checkFlags(name, { preserveRngState, earlyStop });
  if (determinismCheck !== 'default' && determinismCheck !== 'none') {
    throw new RangeError(
      `Expected "default" or "none" for determinismCheck of ${name}, got ${describeValue(determinismCheck)}`,
    );
  }
  return { useReentrant, preserveRngState, determinismCheck, earlyStop };
}
