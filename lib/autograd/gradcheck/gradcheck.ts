import { checkFunction, checkPositions, describeValue } from '../../options.ts';
import {
  Complex,
  enableGrad,
  grad,
  isComplex,
  isTensor,
  ops,
  type Tensor,
  zerosLike,
} from '../../tensor/index.ts';
import { checkBatchedForwardGrad, checkBatchedGrad } from './batched.ts';
import { checkFast, directionsOf } from './fast.ts';
import { checkUndefinedTangents } from './forward.ts';
import { GradcheckError } from './gradcheck-error.ts';
import {
  type GradcheckOptions,
  type GradgradcheckOptions,
  gradcheckSettings,
  gradgradcheckSettings,
  type Settings,
} from './options.ts';
import {
  asTuple,
  type Checked,
  computeOf,
  differentiable,
  isComplexTensor,
  type Problem,
  placesOf,
  requiresGrad,
} from './problem.ts';
import { checkSlowly } from './slow.ts';
import { checkUndefinedGradients } from './undefined-grad.ts';

/**
 * Compares the derivatives of `fn` by its backward, and by forward mode if asked, with finite differences, as
 * torch.autograd.gradcheck (PyTorch 2.13). Give float64 or complex128 inputs: the default tolerances are for them.
 *
 * @returns true; false where a derivative is wrong and `raiseException` is false.
 * @throws GradcheckError where a derivative is wrong; RangeError when no input requires grad, or one is sparse or has several
 * elements in one place.
 * @example autograd.gradcheck((x) => x.exp().mul(x), randn([3], { dtype: 'float64', requiresGrad: true }));
 */
export function gradcheck(
  fn: Checked,
  inputs: Tensor | readonly unknown[],
  options: GradcheckOptions = {},
): boolean {
  checkPositions('gradcheck', arguments, 3);
  checkFunction('gradcheck', fn);
  const settings = gradcheckSettings(options);
  return unlessRefused(settings, () => check('gradcheck', fn, asInputs('gradcheck', inputs), settings));
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
  checkFunction('gradgradcheck', fn);
  const [settings, { nonContiguous }] = gradgradcheckSettings(options);
  const given = asInputs('gradgradcheck', inputs);
  const cotangents =
    gradOutputs === null ? drawGradOutputs(fn, given, nonContiguous) : likeOutputs(fn, given, gradOutputs);
  const first = gradientsOf(fn, given);
  return unlessRefused(settings, () => check('gradgradcheck', first, [...given, ...cotangents], settings));
}

/** The gradients of `fn` as a function of its inputs and the gradients of its outputs. */
function gradientsOf(fn: Checked, inputs: readonly unknown[]): Checked {
  const count = inputs.length;
  return (...args: unknown[]): Tensor[] =>
    // Finite differences are taken without recording, which gradients of gradients need.
    enableGrad(() => {
      // Forward mode gives inputs without a graph.
      const given = args
        .slice(0, count)
        .map((arg, i) => (requiresGrad(inputs[i]) ? (arg as Tensor).requiresGrad_() : arg));
      const outputs = differentiable(fn(...given));
      const found = grad(outputs, given.filter(requiresGrad), {
        gradOutputs: args.slice(count) as Tensor[],
        createGraph: true,
        allowUnused: true,
      });
      return found.filter((gradient) => gradient !== null);
    });
}

function unlessRefused({ raiseException }: Settings, compare: () => void): boolean {
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
  if (layout !== 'strided') throw new RangeError(`Expected dense inputs for ${name}, got layout ${layout}`);
  if (input.stride().some((stride, d) => stride === 0 && (shape[d] as number) > 1)) {
    throw new RangeError(
      `Expected inputs of ${name} whose elements have places of their own, got one with a stride of 0; clone() it`,
    );
  }
  if (dtype !== 'float64' && dtype !== 'complex128') {
    process.emitWarning(
      `${name} has an input of ${dtype}; its default tolerances are for float64 and complex128`,
      {
        code: 'GRADCHECK_PRECISION',
      },
    );
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

function likeOutputs(
  fn: Checked,
  inputs: readonly unknown[],
  gradOutputs: Tensor | readonly Tensor[],
): readonly Tensor[] {
  const given: readonly unknown[] = isTensor(gradOutputs) ? [gradOutputs] : gradOutputs;
  const shapes = (list: readonly Tensor[]): string =>
    list.map(({ shape }) => `[${shape}]`).join(', ') || 'none';
  const outputs = differentiable(fn(...inputs));
  const isList = Array.isArray(given) && given.every(isTensor);
  if (isList && shapes(given as Tensor[]) === shapes(outputs)) return given as Tensor[];
  const got = isList ? shapes(given as Tensor[]) : describeValue(gradOutputs);
  throw new TypeError(
    `Expected Tensors of shapes ${shapes(outputs)} for gradgradcheck argument "gradOutputs", got ${got}`,
  );
}

function check(name: string, fn: Checked, inputs: readonly unknown[], settings: Settings): void {
  const whole: Problem = { fn, inputs, part: '', complexPlaces: [] };
  const result = fn(...inputs);
  checkOutputs(name, result);
  const compare = settings.fastMode ? checkFast : checkSlowly;
  if (settings.checkBackwardAd)
    for (const part of partsOfOutputs(whole, result)) compare(part, settings, false);
  if (settings.checkForwardAd) {
    for (const part of partsOfInputs(whole)) {
      compare(part, settings, true);
      if (!settings.checkUndefinedGrad) continue;
      checkUndefinedTangents(part, directionsOf(part.inputs.filter(requiresGrad)).all);
    }
  }
  if (settings.checkBatchedForwardGrad) checkBatchedForwardGrad(whole);
  if (settings.checkBackwardAd) checkBackward(name, whole, settings);
}

function checkOutputs(name: string, result: unknown): void {
  const sparse = asTuple(result).find((output) => isTensor(output) && output.layout !== 'strided');
  if (sparse === undefined) return;
  throw new RangeError(
    `Expected dense outputs for ${name}, got layout ${(sparse as Tensor).layout}; call toDense()`,
  );
}

/** What else backward must do, once its numbers are right. */
function checkBackward(name: string, problem: Problem, settings: Settings): void {
  const starts = problem.inputs.filter(requiresGrad);
  const compute = computeOf(problem, placesOf(problem.fn(...problem.inputs)));
  if (settings.checkBatchedGrad) {
    for (const [place, output] of compute().entries()) checkBatchedGrad(output, starts, place);
  }
  checkMultiplied(compute(), starts);
  if (settings.checkUndefinedGrad) checkUndefinedGradients(name, compute, starts);
}

/** Zeros as gradients of the outputs must give zeros. */
function checkMultiplied(outputs: readonly Tensor[], inputs: readonly Tensor[]): void {
  if (outputs.length === 0) return;
  const gradOutputs = outputs.map((output) => zerosLike(output, { memoryFormat: 'contiguous_format' }));
  const found = grad(outputs, inputs, { gradOutputs, allowUnused: true });
  if (!found.some((gradient) => gradient?.ne(0).any().item<boolean>())) return;
  throw new GradcheckError('backward not multiplied by grad_output');
}

/** The function with one part of its complex outputs, then the other; as it is where none is complex. */
function partsOfOutputs(whole: Problem, result: unknown): Problem[] {
  const outputs = differentiable(result);
  if (!asTuple(result).some(isComplexTensor)) return [whole];
  const complexPlaces = outputs.flatMap((output, i) => (isComplexTensor(output) ? [i] : []));
  const take = (part: 'real' | 'imag') => (value: unknown) =>
    isComplexTensor(value) ? value[part]() : value;
  const partOf =
    (part: 'real' | 'imag'): Checked =>
    (...inputs) =>
      asTuple(whole.fn(...inputs)).map(take(part));
  return [
    { ...whole, fn: partOf('imag'), part: 'imaginary', complexPlaces },
    { ...whole, fn: partOf('real'), part: 'real', complexPlaces },
  ];
}

/** The function of one part of its complex inputs, the other constant, then of the other. */
function partsOfInputs(whole: Problem): Problem[] {
  const complexPlaces = whole.inputs.flatMap((input, i) => (isComplexTensor(input) ? [i] : []));
  if (complexPlaces.length === 0) return [whole];
  const partOf = (name: 'real' | 'imag'): Problem => ({
    fn: (...given) => whole.fn(...given.map((item, i) => joined(item, whole.inputs[i], name))),
    inputs: whole.inputs.map((input) => (isComplexTensor(input) ? partOfInput(input, name) : input)),
    part: name === 'real' ? 'real' : 'imaginary',
    complexPlaces,
  });
  return [partOf('imag'), partOf('real')];
}

function partOfInput(input: Tensor, name: 'real' | 'imag'): Tensor {
  return input.detach()[name]().clone().requiresGrad_(input.requiresGrad);
}

function joined(given: unknown, whole: unknown, name: 'real' | 'imag'): unknown {
  if (!isTensor(given) || !isComplexTensor(whole) || isComplex(given.dtype)) return given;
  const fixed = whole.detach();
  const i = new Complex(0, 1);
  return name === 'real' ? given.add(fixed.imag().mul(i)) : fixed.real().add(given.mul(i));
}
