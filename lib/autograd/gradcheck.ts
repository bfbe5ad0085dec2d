import { checkOptions, checkPositions, describeValue } from '../options.ts';
import { allclose, enableGrad, grad, isTensor, ops, type Tensor } from '../tensor/index.ts';
import { analyticalJacobians } from './analytical.ts';
import { GradcheckError } from './gradcheck-error.ts';
import { numericalJacobians } from './numerical.ts';
import { checkUndefinedGradients } from './undefined-grad.ts';

export interface GradcheckOptions {
  /** Step of the finite differences. Default 1e-6. */
  eps?: number;
  /** Default 1e-5. */
  atol?: number;
  /** Default 1e-3. */
  rtol?: number;
  /** Throw where a derivative is wrong, instead of giving false. Default true. */
  raiseException?: boolean;
  /** How much two backward passes over the same graph may differ. Default 0. */
  nondetTol?: number;
  /** Whether backward must take outputs without a gradient for zeros. Default true. */
  checkUndefinedGrad?: boolean;
  /** Whether gradients must have their inputs' dtypes. Default false. */
  checkGradDtypes?: boolean;
}

export interface GradgradcheckOptions extends GradcheckOptions {
  /** Make the random gradients of outputs non-contiguous. Default false. */
  genNonContigGradOutputs?: boolean;
}

/** A function to check; results that are no tensors are left out. */
// biome-ignore lint/suspicious/noExplicitAny: inputs are anything
export type Checked = (...inputs: any[]) => unknown;

const OPTIONS = [
  'eps',
  'atol',
  'rtol',
  'raiseException',
  'nondetTol',
  'checkUndefinedGrad',
  'checkGradDtypes',
];

/**
 * Compares the derivatives of `fn` by its backward with finite differences, as torch.autograd.gradcheck (PyTorch 2.13) without
 * its fast mode. Give float64 inputs: the default tolerances are for them.
 *
 * @returns true; false where a derivative is wrong and `raiseException` is false.
 * @throws GradcheckError where a derivative is wrong; RangeError when no input requires grad, an input is complex or has
 * several elements in one place.
 * @example autograd.gradcheck((x) => x.exp().mul(x), randn([3], { dtype: 'float64', requiresGrad: true }));
 */
export function gradcheck(
  fn: Checked,
  inputs: Tensor | readonly unknown[],
  options: GradcheckOptions = {},
): boolean {
  checkPositions('gradcheck', arguments, 3);
  checkOptions('gradcheck', options, OPTIONS);
  return unlessRefused(options, () => check('gradcheck', fn, asInputs('gradcheck', inputs), options));
}

/**
 * The same for the derivatives of the derivatives, as torch.autograd.gradgradcheck. `gradOutputs` are like the outputs; random
 * ones are drawn where they are left out.
 */
export function gradgradcheck(
  fn: Checked,
  inputs: Tensor | readonly unknown[],
  gradOutputs: Tensor | readonly Tensor[] | null = null,
  options: GradgradcheckOptions = {},
): boolean {
  checkPositions('gradgradcheck', arguments, 4);
  checkOptions('gradgradcheck', options, [...OPTIONS, 'genNonContigGradOutputs']);
  const given = asInputs('gradgradcheck', inputs);
  const { genNonContigGradOutputs = false, ...rest } = options;
  const count = given.length;
  const cotangents =
    gradOutputs === null ? drawGradOutputs(fn, given, genNonContigGradOutputs) : [gradOutputs].flat();
  const first = (...args: unknown[]): Tensor[] =>
    // Finite differences are taken without recording, which gradients of gradients need.
    enableGrad(() => {
      const outputs = differentiable(fn(...args.slice(0, count)));
      const found = grad(outputs, args.slice(0, count).filter(requiresGrad), {
        gradOutputs: args.slice(count) as Tensor[],
        createGraph: true,
        allowUnused: true,
      });
      return found.filter((gradient) => gradient !== null);
    });
  return unlessRefused(rest, () => check('gradgradcheck', first, [...given, ...cotangents], rest));
}

const requiresGrad = (value: unknown): value is Tensor => isTensor(value) && value.requiresGrad;

/** The results of a function that have a derivative. */
function differentiable(result: unknown): Tensor[] {
  return [result].flat().filter(requiresGrad);
}

function unlessRefused({ raiseException = true }: GradcheckOptions, compare: () => void): boolean {
  try {
    compare();
    return true;
  } catch (error) {
    if (raiseException || !(error instanceof GradcheckError)) throw error;
    return false;
  }
}

function asInputs(name: string, inputs: Tensor | readonly unknown[]): readonly unknown[] {
  const list: unknown = isTensor(inputs) ? [inputs] : inputs;
  if (!Array.isArray(list)) {
    throw new TypeError(`Expected a Tensor or an array of inputs for ${name}, got ${describeValue(inputs)}`);
  }
  for (const input of list.filter(requiresGrad)) checkInput(name, input);
  if (list.some(requiresGrad)) return list;
  throw new RangeError(`Expected at least one input of ${name} that requires grad, got none`);
}

function checkInput(name: string, input: Tensor): void {
  const { dtype, layout, shape } = input;
  if (dtype.startsWith('complex') || layout !== 'strided') {
    throw new RangeError(`Expected real dense inputs for ${name}, got ${dtype} of layout ${layout}`);
  }
  if (input.stride().some((stride, d) => stride === 0 && (shape[d] as number) > 1)) {
    throw new RangeError(
      `Expected inputs of ${name} whose elements have places of their own, got one with a stride of 0; clone() it`,
    );
  }
  if (dtype !== 'float64') {
    process.emitWarning(`${name} has an input of ${dtype}; its default tolerances are for float64`, {
      code: 'GRADCHECK_PRECISION',
    });
  }
}

function drawGradOutputs(fn: Checked, inputs: readonly unknown[], nonContiguous: boolean): Tensor[] {
  return differentiable(fn(...inputs)).map((output) => {
    const { dtype, device, shape } = output;
    const drawn = ops.aten.randn(shape, { dtype, device });
    if (!nonContiguous) return drawn.requiresGrad_();
    return ops.aten.stack([drawn, drawn], -1).select(-1, 0).detach().requiresGrad_();
  });
}

function check(name: string, fn: Checked, inputs: readonly unknown[], options: GradcheckOptions): void {
  const { eps = 1e-6, checkUndefinedGrad = true } = options;
  const starts = inputs.filter(requiresGrad);
  const places = resultPlaces(fn(...inputs));
  if (places.length === 0) {
    checkConstant(fn, inputs, starts, eps);
    return;
  }
  const compute = (): Tensor[] => {
    const list = [fn(...inputs)].flat();
    return places.map((place) => list[place] as Tensor);
  };
  const numerical = starts.map((input) => numericalJacobians(compute, input, eps));
  for (const [o, output] of compute().entries()) {
    compareOutput(output, starts, (i) => numerical[i]?.[o] as Tensor, o, options);
  }
  if (checkUndefinedGrad) checkUndefinedGradients(name, compute, starts);
}

/** Which of the results have a derivative: finite differences are taken without recording. */
function resultPlaces(result: unknown): number[] {
  return [result].flat().flatMap((value, i) => (requiresGrad(value) ? [i] : []));
}

/** A function whose results require no grad must not depend on the inputs. */
function checkConstant(
  fn: Checked,
  inputs: readonly unknown[],
  starts: readonly Tensor[],
  eps: number,
): void {
  const values = (): Tensor[] => [fn(...inputs)].flat().filter(isTensor);
  for (const input of starts) {
    for (const jacobian of numericalJacobians(values, input, eps)) {
      if (jacobian.ne(0).any().item<boolean>()) {
        throw new GradcheckError('Numerical gradient for function expected to be zero');
      }
    }
  }
}

function compareOutput(
  output: Tensor,
  inputs: readonly Tensor[],
  numericalOf: (input: number) => Tensor,
  index: number,
  { atol = 1e-5, rtol = 1e-3, nondetTol = 0, checkGradDtypes = false }: GradcheckOptions,
): void {
  const look = (gradient: Tensor, i: number): void => {
    const { dtype } = inputs[i] as Tensor;
    if (!checkGradDtypes || gradient.dtype === dtype) return;
    throw new GradcheckError(
      `Expected a gradient of ${dtype} for input ${i} from output ${index}, got ${gradient.dtype}`,
    );
  };
  const analytical = analyticalJacobians(output, inputs, look);
  const again = analyticalJacobians(output, inputs, look);
  for (const [i, jacobian] of analytical.entries()) {
    const numerical = numericalOf(i).to(jacobian.dtype);
    if (!allclose(jacobian, numerical, { rtol, atol })) {
      throw new GradcheckError(
        `Jacobian mismatch for output ${index} with respect to input ${i},\nnumerical:${numerical}\nanalytical:${jacobian}\n`,
      );
    }
    if (!allclose(jacobian, again[i] as Tensor, { rtol: 0, atol: nondetTol })) {
      throw new GradcheckError(
        'Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different ' +
          'values, although analytical gradient matches numerical gradient. The tolerance for nondeterminism was ' +
          `${nondetTol}. (output ${index}, input ${i})`,
      );
    }
  }
}
