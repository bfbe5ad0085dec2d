import { checkOptionsObject, checkPositions, describeValue } from '../options.ts';
import { scope, type Tensor } from '../tensor/index.ts';
import { type LoadOptions, loadStateEntries } from './load.ts';

/** A module, or anything else that takes a state dict as one does. */
export interface StateDictTarget<Options, Result> {
  loadStateDict(state: ReadonlyMap<string, Tensor>, options?: Options): Result;
}

/**
 * Reads a file straight into a module: the fastest way, without a second copy of the weights.
 *
 * The state dict is found as by `stateDictOf`, also inside a training checkpoint; tensors beside it, such as an
 * optimizer's, are not read, and entries in it that are no tensors are unexpected keys. The module gets its numbers as by
 * copying: it takes a tensor's memory where dtype, device and strides agree and nothing else has that memory, and copies
 * the rest. Tensors that share memory in the file do not share it in the module, unless they did before.
 *
 * @param options Those of `load` and of the module's `loadStateDict`.
 * @returns What `loadStateDict` returns: the keys that were loaded, missing and unexpected.
 * @throws CheckpointError as `load`, `stateDictOf` and `loadStateDict` do.
 * @example
 * checkpoint.loadInto(models.resnet50_ibn_a(), 'model_best.pth.tar', { stripPrefix: 'auto' });
 */
export function loadInto<Options, Result>(
  module: StateDictTarget<Options, Result>,
  file: string | URL | Uint8Array,
  options?: LoadOptions & Options,
): Result {
  checkPositions('loadInto', arguments, 3);
  checkOptionsObject('loadInto', options);
  if (typeof (module as { loadStateDict?: unknown } | null | undefined)?.loadStateDict !== 'function')
    throw new TypeError(`Expected a Module for loadInto, got ${describeValue(module)}`);
  const { mmap, mapLocation, unknown, ...rest } = (options ?? {}) as LoadOptions & Record<string, unknown>;
  const read: LoadOptions = {
    ...(mmap === undefined ? {} : { mmap }),
    ...(mapLocation === undefined ? {} : { mapLocation }),
    ...(unknown === undefined ? {} : { unknown }),
  };
  return scope(() => {
    // What is no tensor is the module's to judge: by its key, and by `strict`.
    const state = loadStateEntries(file, read) as Map<string, Tensor>;
    return module.loadStateDict(state, { assign: 'compatible', ...rest } as Options);
  });
}
