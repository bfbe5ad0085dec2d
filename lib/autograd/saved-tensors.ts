import { unwrap, wrapTensor } from '../ops/index.ts';
import { checkFlags, checkFunction, checkOptions, checkPositions, describeValue } from '../options.ts';
import { isTensor, keep, type Tensor } from '../tensor/index.ts';
import { native } from '../tensor/native.ts';
import { callForeign } from '../tensor/own-code.ts';
import { refusePromise } from '../tensor/scope.ts';

/**
 * The hooks, with the number of the backward pass. With `frees`, a tensor given to `pack` and one that `unpack` gave are
 * disposed when libtorch has what it needs.
 *
 * @internal
 */
export function withSavedHooks<P, T>(
  pack: (tensor: Tensor) => P,
  unpack: (packed: P, pass: number) => Tensor,
  fn: () => T,
  frees = false,
): T {
  native.pushSavedHooks(
    (handle) => pack(keep(wrapTensor(handle) as Tensor)),
    (packed: P, pass) => unwrap(unpack(packed, pass)),
    frees,
  );
  try {
    return fn();
  } finally {
    native.popSavedHooks();
  }
}

/**
 * Runs `fn`, a forward, with hooks for the tensors that its ops save for backward, as
 * torch.autograd.graph.saved_tensors_hooks: `pack` gives anything to keep instead of a tensor, `unpack` the tensor when
 * backward wants it. Neither is recorded, and neither may change its tensor in place. Hooks nest; the innermost are called.
 *
 * @throws TypeError when `fn` returns a promise; in backward, when `unpack` gives no tensor.
 * @example
 * const loss = autograd.graph.savedTensorsHooks(
 *   (x) => x.half(),
 *   (packed) => packed.float(),
 *   () => model.forward(x).sum(),
 * );
 */
export function savedTensorsHooks<P, T>(
  pack: (tensor: Tensor) => P,
  unpack: (packed: P) => Tensor,
  fn: () => T,
): T {
  checkPositions('savedTensorsHooks', arguments, 3);
  checkFunction('pack of savedTensorsHooks', pack);
  checkFunction('unpack of savedTensorsHooks', unpack);
  checkFunction('savedTensorsHooks', fn);
  return withSavedHooks(
    (tensor) => callForeign(pack, tensor),
    (packed: P) => {
      const tensor: unknown = callForeign(unpack, packed);
      if (isTensor(tensor)) return tensor;
      throw new TypeError(`Expected a Tensor from unpack of savedTensorsHooks, got ${describeValue(tensor)}`);
    },
    () => {
      const result = fn();
      refusePromise(result, 'savedTensorsHooks');
      return result;
    },
  );
}

/**
 * Runs `fn`, a forward, and keeps what it saves for backward in the CPU's memory, as torch.autograd.graph.save_on_cpu.
 *
 * @example const loss = autograd.graph.saveOnCpu(() => model.forward(x).sum());
 */
export function saveOnCpu<T>(fn: () => T, options: { pinMemory?: boolean } = {}): T {
  checkPositions('saveOnCpu', arguments, 2);
  checkOptions('saveOnCpu', options, ['pinMemory']);
  const { pinMemory = false } = options;
  checkFlags('saveOnCpu', { pinMemory });
  checkFunction('saveOnCpu', fn);
  return savedTensorsHooks(
    (tensor) => {
      const host = tensor.to('cpu');
      return { device: tensor.device, host: pinMemory ? keep(host.pinMemory()) : keep(host) };
    },
    ({ device, host }) => host.to(device),
    fn,
  );
}
