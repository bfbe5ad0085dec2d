/** torch.nn.utils.parametrize: tensors of modules computed from others. */
import { checkFlag, checkOptions, checkPositions, checkText } from '../../options.ts';
import { keep, noGrad, Tensor } from '../../tensor/index.ts';
import { ModuleDict, ModuleList } from '../layers/container.ts';
import { checkModule } from '../module/check-module.ts';
import type { Module } from '../module/module.ts';
import { isParameter, Parameter } from '../module/parameter.ts';
import { recall } from './cached.ts';
import { tensorOf } from './tensor-of.ts';

export { cached } from './cached.ts';

/** A module that computes a tensor from one or several; `rightInverse` gives those from the tensor. */
export interface Parametrization extends Module {
  forward(...originals: Tensor[]): Tensor;
  rightInverse?(value: Tensor): Tensor | readonly Tensor[];
}

/** What a parametrized tensor is computed by, and from: parameters `original`, or `original0`, `original1` and so on. */
export class ParametrizationList extends ModuleList {
  readonly unsafe: boolean;
  /** How many tensors it is computed from; of several, one parametrization takes all and is the first. */
  readonly ntensors: number;

  /** @internal */
  constructor(modules: readonly Parametrization[], original: Tensor, unsafe: boolean) {
    checkPositions('ParametrizationList', arguments, 3);
    super(modules);
    this.unsafe = unsafe;
    const inverted = noGrad(() => inverse(modules, original));
    const values = inverted instanceof Tensor ? [inverted] : inverted;
    this.ntensors = inverted instanceof Tensor ? 1 : values.length;
    for (const [i, value] of values.entries()) {
      const name = inverted instanceof Tensor ? 'original' : `original${i}`;
      if (!isParameter(original)) this.registerBuffer(name, value);
      else if (inverted instanceof Tensor) this.registerParameter(name, kept(original, value));
      else this.registerParameter(name, new Parameter(value, { requiresGrad: original.requiresGrad }));
    }
    if (!unsafe) checkResult(this, original);
  }

  /** The tensors it is computed from. */
  get originals(): Tensor[] {
    const isSingle = Reflect.has(this, 'original');
    const names = Array.from({ length: this.ntensors }, (_, i) => (isSingle ? 'original' : `original${i}`));
    return names.map((name) => Reflect.get(this, name) as Tensor);
  }

  /** The parametrized tensor. */
  override forward(): never {
    return this.compute() as never;
  }

  /** The same, with its type. */
  compute(): Tensor {
    const [first, ...rest] = this.children() as Parametrization[];
    const start = (first as Parametrization).forward(...this.originals);
    return rest.reduce((value, parametrization) => parametrization.forward(value), start);
  }

  /** Takes a value for the parametrized tensor: its originals become those that give it. */
  rightInverse(value: Tensor): void {
    noGrad(() => {
      const inverted = inverse(this.children() as Parametrization[], value);
      const values = inverted instanceof Tensor ? [inverted] : inverted;
      for (const [i, original] of this.originals.entries())
        original.setData((values[i] as Tensor).detach().clone());
    });
  }
}

/** The parameter itself stays, so that optimizers that have it keep it. */
function kept(original: Parameter, value: Tensor): Parameter {
  if (value !== original) original.setData(value.detach());
  return original;
}

function inverse(modules: readonly Parametrization[], value: Tensor): Tensor | readonly Tensor[] {
  let current: Tensor | readonly Tensor[] = value;
  for (const [i, module] of [...modules].reverse().entries()) {
    if (module.rightInverse === undefined) continue;
    current = module.rightInverse(current as Tensor);
    if (current instanceof Tensor || (Array.isArray(current) && i === modules.length - 1)) continue;
    throw new TypeError(
      `Expected a Tensor from rightInverse of ${module.constructor.name}, or a list of them from the first parametrization's, got something else`,
    );
  }
  return current;
}

function checkResult(list: ParametrizationList, original: Tensor): void {
  const value = list.compute();
  if (!(value instanceof Tensor)) {
    throw new TypeError(`Expected a Tensor from a parametrization, got ${typeof value}`);
  }
  if (`${value.shape}` === `${original.shape}` && value.dtype === original.dtype) return;
  throw new RangeError(
    `Expected shape [${original.shape}] and dtype ${original.dtype} from a parametrization, as the tensor has, got ` +
      `[${value.shape}] and ${value.dtype}; pass { unsafe: true } to allow it`,
  );
}

/** Whether a tensor of `module` is parametrized; without a name, whether any is. */
export function isParametrized(module: Module, tensorName?: string): boolean {
  checkPositions('isParametrized', arguments, 2);
  checkModule('isParametrized', 'module', module);
  if (tensorName !== undefined) checkText('isParametrized', 'the name of a tensor', tensorName);
  const parametrizations: unknown = Reflect.get(module, 'parametrizations');
  if (!(parametrizations instanceof ModuleDict)) return false;
  return tensorName === undefined ? parametrizations.length > 0 : parametrizations.has(tensorName);
}

/** The class of a module, that of before for one with parametrized tensors. */
export function typeBeforeParametrizations(module: Module): Module['constructor'] {
  checkPositions('typeBeforeParametrizations', arguments, 1);
  checkModule('typeBeforeParametrizations', 'module', module);
  const prototype = isParametrized(module) ? Object.getPrototypeOf(module) : module;
  return Object.getPrototypeOf(prototype).constructor;
}

/** A class of its own for one module, as in torch: `ParametrizedLinear`, whose `weight` is computed. */
function injectClass(module: Module): void {
  const Class = module.constructor as new () => object;
  const name = `Parametrized${Class.name}`;
  const { [name]: Parametrized } = { [name]: class extends Class {} };
  Object.setPrototypeOf(module, (Parametrized as { prototype: object }).prototype);
  Reflect.set(module, 'parametrizations', new ModuleDict());
}

function injectProperty(module: Module, tensorName: string): void {
  Object.defineProperty(Object.getPrototypeOf(module), tensorName, {
    get(this: Module): Tensor {
      const list = parametrizationsOf(this, tensorName);
      return recall(list, () => list.compute());
    },
    set(this: Module, value: Tensor): void {
      parametrizationsOf(this, tensorName).rightInverse(value);
    },
    configurable: true,
  });
}

function parametrizationsOf(module: Module, tensorName: string): ParametrizationList {
  return (Reflect.get(module, 'parametrizations') as ModuleDict).get(tensorName) as ParametrizationList;
}

/**
 * Computes `module[tensorName]` by `parametrization` from now on, at every access. What it is computed from is trained and
 * saved instead: `parametrizations.weight.original`. Parametrizations of one tensor follow each other.
 *
 * @param options `unsafe`, default false, allows other shapes and dtypes.
 * @throws RangeError where the module has no such parameter or buffer, or the shape or dtype would change.
 * @example nn.utils.parametrize.registerParametrization(linear, 'weight', new Symmetric());
 */
export function registerParametrization<M extends Module>(
  module: M,
  tensorName: string,
  parametrization: Parametrization,
  options: { unsafe?: boolean } = {},
): M {
  checkPositions('registerParametrization', arguments, 4);
  checkOptions('registerParametrization', options, ['unsafe']);
  checkFlag('registerParametrization unsafe', options.unsafe ?? false);
  checkModule('registerParametrization', 'module', module);
  checkText('registerParametrization', 'the name of a parameter or buffer', tensorName);
  checkModule('registerParametrization', 'parametrization', parametrization);
  parametrization.train(module.training);
  if (isParametrized(module, tensorName)) {
    append(parametrizationsOf(module, tensorName), parametrization, options.unsafe ?? false);
    return module;
  }
  const original = tensorOf(module, tensorName, 'registerParametrization');
  const list = new ParametrizationList([parametrization], original, options.unsafe ?? false);
  module.forget(tensorName);
  if (!isParametrized(module)) injectClass(module);
  injectProperty(module, tensorName);
  (Reflect.get(module, 'parametrizations') as ModuleDict).set(tensorName, list);
  return module;
}

function append(list: ParametrizationList, parametrization: Parametrization, unsafe: boolean): void {
  if (!unsafe) {
    const before = list.compute();
    const after = parametrization.forward(before);
    if (`${after.shape}` !== `${before.shape}` || after.dtype !== before.dtype) {
      throw new RangeError(
        `Expected shape [${before.shape}] and dtype ${before.dtype} from a parametrization, as the tensor has, got ` +
          `[${after.shape}] and ${after.dtype}; pass { unsafe: true } to allow it`,
      );
    }
  }
  list.append(parametrization);
}

/**
 * Makes a parametrized tensor a plain one again.
 *
 * @param options `leaveParametrized`, default true: with its present value; false with that of the original, of which there
 *   must be one.
 */
export function removeParametrizations<M extends Module>(
  module: M,
  tensorName: string,
  options: { leaveParametrized?: boolean } = {},
): M {
  checkPositions('removeParametrizations', arguments, 3);
  checkOptions('removeParametrizations', options, ['leaveParametrized']);
  checkFlag('removeParametrizations leaveParametrized', options.leaveParametrized ?? true);
  checkModule('removeParametrizations', 'module', module);
  checkText('removeParametrizations', 'the name of a parametrized tensor', tensorName);
  if (!isParametrized(module, tensorName)) {
    throw new RangeError(
      `Expected a parametrized tensor of ${module.constructor.name} for removeParametrizations, got "${tensorName}"`,
    );
  }
  const list = parametrizationsOf(module, tensorName);
  const plain = plainOf(list, options.leaveParametrized ?? true);
  const parametrizations = Reflect.get(module, 'parametrizations') as ModuleDict;
  parametrizations.delete(tensorName);
  Reflect.deleteProperty(Object.getPrototypeOf(module), tensorName);
  if (isParameter(plain)) module.registerParameter(tensorName, plain);
  else module.registerBuffer(tensorName, plain);
  if (parametrizations.length === 0) {
    module.forget('parametrizations');
    Object.setPrototypeOf(module, Object.getPrototypeOf(Object.getPrototypeOf(module)));
  }
  return module;
}

function plainOf(list: ParametrizationList, parametrized: boolean): Tensor {
  const [first, ...others] = list.originals as [Tensor, ...Tensor[]];
  if (!parametrized) {
    if (others.length === 0) return first;
    throw new RangeError(
      `Expected one original for removeParametrizations with leaveParametrized: false, got ${others.length + 1}`,
    );
  }
  const value = noGrad(() => keep(list.compute().detach().clone()));
  if (!isParameter(first)) return value;
  if (others.length > 0) return new Parameter(value, { requiresGrad: first.requiresGrad });
  first.setData(value);
  return first;
}
