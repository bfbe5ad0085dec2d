import { AutogradFunction } from '../../autograd/function.ts';
import type { FunctionCtx } from '../../autograd/function-ctx.ts';
import { describeValue } from '../../options.ts';
import { isGradEnabled, isTensor, keep, type Tensor } from '../../tensor/index.ts';
import { callForeign } from '../../tensor/own-code.ts';
import type { Module } from './module.ts';

/** Gradients of a module's inputs or outputs, null for those that are no tensors or have none. */
export type ModuleGradients = (Tensor | null)[];

/** Runs when the gradients of a module's inputs are there; an array that it returns takes the place of `gradInput`. */
export type FullBackwardHook = (
  module: Module,
  gradInput: ModuleGradients,
  gradOutput: ModuleGradients,
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook may have no return statement
) => ModuleGradients | null | undefined | void;

/** Runs when the gradients of a module's outputs are there; an array that it returns takes their place. */
export type FullBackwardPreHook = (
  module: Module,
  gradOutput: ModuleGradients,
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook may have no return statement
) => ModuleGradients | null | undefined | void;

/** What sees gradients and gives those that go on. */
type Watch = (gradients: ModuleGradients) => ModuleGradients;

/** Passes tensors on, and shows `watch` their gradients. */
class BackwardHookFunction extends AutogradFunction {
  static forward(
    ctx: FunctionCtx & { watch?: Watch },
    watch: Watch,
    materialize: boolean,
    ...tensors: Tensor[]
  ): Tensor[] {
    ctx.markNonDifferentiable(...tensors.filter((tensor) => !tensor.requiresGrad));
    ctx.setMaterializeGrads(materialize);
    ctx.watch = watch;
    return tensors;
  }

  static backward(ctx: FunctionCtx & { watch: Watch }, ...gradients: (Tensor | null)[]): (Tensor | null)[] {
    return [null, null, ...ctx.watch(gradients)];
  }
}

/** The backward hooks of one call of a module, as torch.utils.hooks.BackwardHook (PyTorch 2.13). */
export class BackwardHooks {
  readonly #module: Module;
  readonly #hooks: readonly FullBackwardHook[];
  readonly #preHooks: readonly FullBackwardPreHook[];
  #inputCount = 0;
  #watchesInputs = false;
  #gradOutputs: ModuleGradients | undefined;

  constructor(module: Module, hooks: Iterable<FullBackwardHook>, preHooks: Iterable<FullBackwardPreHook>) {
    this.#module = module;
    this.#hooks = [...hooks];
    this.#preHooks = [...preHooks];
  }

  /** The inputs, watched. */
  watchInputs(inputs: unknown[]): unknown[] {
    this.#inputCount = inputs.length;
    const watched = watchTensors(inputs, true, (gradients) => this.#seeInputs(gradients));
    this.#watchesInputs = watched !== undefined;
    return watched ?? inputs;
  }

  /** The output, a value or an array of them, watched. */
  watchOutput(output: unknown): unknown {
    const outputs: unknown[] = Array.isArray(output) ? output : [output];
    const watched = watchTensors(outputs, false, (gradients) => this.#seeOutputs(gradients));
    if (watched === undefined) return output;
    return Array.isArray(output) ? watched : watched[0];
  }

  #seeOutputs(gradients: ModuleGradients): ModuleGradients {
    let current = gradients;
    for (const hook of this.#preHooks) {
      const replaced: unknown = callForeign(hook, this.#module, kept(current));
      current = replacement('registerFullBackwardPreHook', replaced, current) ?? current;
    }
    if (this.#watchesInputs) {
      this.#gradOutputs = current;
    } else {
      this.#callWithoutInputs(current);
    }
    return current;
  }

  #seeInputs(gradients: ModuleGradients): ModuleGradients {
    const gradOutputs = this.#gradOutputs;
    // The gradient did not come through the outputs: a derivative of a derivative.
    if (gradOutputs === undefined) return gradients;
    this.#gradOutputs = undefined;
    let current = gradients;
    for (const hook of this.#hooks) {
      const replaced: unknown = callForeign(hook, this.#module, kept(current), kept(gradOutputs));
      current = replacement('registerFullBackwardHook', replaced, current) ?? current;
    }
    return current;
  }

  /** No input requires grad: the hooks may only look. */
  #callWithoutInputs(gradOutputs: ModuleGradients): void {
    const none = Array.from({ length: this.#inputCount }, () => null);
    for (const hook of this.#hooks) {
      const replaced: unknown = callForeign(hook, this.#module, none, kept(gradOutputs));
      const found = replacement('registerFullBackwardHook', replaced, none);
      if (found?.some((gradient) => gradient !== null)) {
        throw new TypeError(
          'Expected nothing or nulls from a hook of registerFullBackwardHook where no input requires grad, got a Tensor',
        );
      }
    }
  }
}

/** Hooks may store what they are given, so it must outlive every scope. */
function kept(gradients: ModuleGradients): ModuleGradients {
  for (const gradient of gradients) if (gradient !== null) keep(gradient);
  return [...gradients];
}

/**
 * Values with their tensors watched; undefined where no gradient will come. As in torch, inputs without a gradient are shown
 * zeros, outputs null.
 */
function watchTensors(values: unknown[], materialize: boolean, see: Watch): unknown[] | undefined {
  const places = values.flatMap((value, i) => (isTensor(value) ? [i] : []));
  const tensors = places.map((i) => values[i] as Tensor);
  if (!isGradEnabled() || !tensors.some((tensor) => tensor.requiresGrad)) return undefined;
  const watched = BackwardHookFunction.apply(
    watchPlaces(values.length, places, see),
    materialize,
    ...tensors,
  );
  const result = [...values];
  for (const [i, place] of places.entries()) result[place] = watched[i];
  return result;
}

/** What the graph holds: nothing of the values themselves. */
function watchPlaces(count: number, places: readonly number[], see: Watch): Watch {
  return (gradients) => {
    const all: ModuleGradients = Array.from({ length: count }, () => null);
    for (const [i, place] of places.entries()) all[place] = gradients[i] ?? null;
    const seen = see(all);
    return places.map((place) => seen[place] ?? null);
  };
}

function replacement(name: string, value: unknown, current: ModuleGradients): ModuleGradients | undefined {
  if (value === undefined || value === null) return undefined;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const wrong = list.find((item) => item !== null && item !== undefined && !isTensor(item));
  if (wrong !== undefined) {
    throw new TypeError(`Expected Tensors or nulls from a hook of ${name}, got ${describeValue(wrong)}`);
  }
  if (list.length !== current.length) {
    throw new RangeError(`Expected ${current.length} gradients from a hook of ${name}, got ${list.length}`);
  }
  return list.map((item) => (item ?? null) as Tensor | null);
}
