import type { Handle } from '../binding.ts';
import { unwrap, wrapTensor } from '../ops/index.ts';
import { describeValue } from '../options.ts';
import { withGradEnabled } from '../tensor/gradients/modes.ts';
import { isTensor, type Tensor, zerosLike } from '../tensor/index.ts';
import { native } from '../tensor/native.ts';
import { callForeign } from '../tensor/own-code.ts';
import { FunctionCtx, handles, type Marks } from './function-ctx.ts';
import { withoutTangents } from './levels.ts';

/** The static side of an op with a derivative of its own. */
export interface AnyFunction {
  readonly name: string;
  forward(...args: unknown[]): unknown;
  backward?(ctx: FunctionCtx, ...gradOutputs: (Tensor | null)[]): unknown;
  jvp?(ctx: FunctionCtx, ...tangents: (Tensor | null)[]): unknown;
  setupContext?(ctx: FunctionCtx, inputs: unknown[], output: unknown): void;
}

/** Calls forward without recording it, and makes its outputs what backward differentiates. */
export function applyFunction(fn: AnyFunction, args: unknown[]): unknown {
  const areTensors = args.map(isTensor);
  const ctx = new FunctionCtx(
    fn.name,
    args.map((arg) => isTensor(arg) && arg.requiresGrad),
  );
  const result = withGradEnabled(false, `forward of ${fn.name}`, () =>
    withoutTangents(() => runForward(fn, ctx, args)),
  );
  const outputs: unknown[] = Array.isArray(result) ? result : [result];
  let replaced: (Handle | null)[] = [];
  ctx.end((marks) => {
    const backward = makeBackward(fn, ctx, areTensors);
    const jvp = makeJvp(fn, ctx, { args, marks, count: outputs.length });
    const [tensors, saved] = endFunction(fn.name, args.filter(isTensor), outputs, marks, backward, jvp);
    replaced = tensors;
    return saved;
  });
  const wrapped = outputs.map((output, i) => wrapTensor(replaced[i] ?? null) ?? output);
  return Array.isArray(result) ? wrapped : wrapped[0];
}

function runForward(fn: AnyFunction, ctx: FunctionCtx, args: unknown[]): unknown {
  if (typeof fn.setupContext !== 'function') {
    return callForeign((...given: unknown[]) => fn.forward(ctx, ...given), ...args);
  }
  const output = callForeign((...given: unknown[]) => fn.forward(...given), ...args);
  fn.setupContext(ctx, args, output);
  return output;
}

function endFunction(
  name: string,
  inputs: Tensor[],
  outputs: unknown[],
  { saved, dirty, nonDifferentiable, materializeGrads }: Marks,
  backward: (gradients: (Handle | null)[]) => (Handle | null)[],
  jvp: (tangents: (Handle | null)[]) => (Handle | null)[],
): [(Handle | null)[], Handle | null] {
  return native.endFunction(
    `${name}Backward`,
    inputs.map(unwrap),
    outputs.map((output) => (isTensor(output) ? unwrap(output) : null)),
    nonDifferentiable.map(unwrap),
    dirty.map(unwrap),
    handles(saved),
    materializeGrads,
    backward,
    jvp,
  );
}

/** What the graph keeps of a call: it must not hold its tensors. */
function makeBackward(fn: AnyFunction, ctx: FunctionCtx, areTensors: readonly boolean[]) {
  return (gradients: (Handle | null)[]): (Handle | null)[] => {
    if (typeof fn.backward !== 'function') {
      throw new TypeError(
        `Expected a static function backward in the autograd.Function ${fn.name}, got ${describeValue(fn.backward)}`,
      );
    }
    const given = gradients.map((gradient) => wrapTensor(gradient) as Tensor | null);
    const result = callForeign((...grads) => fn.backward?.(ctx, ...grads), ...given);
    return readGradients(fn.name, result, areTensors);
  };
}

/** The tangents of the outputs, by the function's own `jvp`. */
function makeJvp(
  fn: AnyFunction,
  ctx: FunctionCtx,
  { args, marks, count }: { args: readonly unknown[]; marks: Marks; count: number },
) {
  return (tangents: (Handle | null)[]): (Handle | null)[] => {
    if (typeof fn.jvp !== 'function') {
      throw new TypeError(
        `Expected a static function jvp in the autograd.Function ${fn.name}, which forward mode calls, got ${describeValue(fn.jvp)}`,
      );
    }
    let next = 0;
    const given = args.map((arg) => {
      if (!isTensor(arg)) return null;
      const tangent = wrapTensor(tangents[next++] ?? null) as Tensor | null;
      return tangent ?? (marks.materializeGrads ? zerosLike(arg) : null);
    });
    const result = callForeign((...all) => fn.jvp?.(ctx, ...all), ...given);
    return readTangents(fn.name, result, count);
  };
}

function readTangents(name: string, result: unknown, count: number): (Handle | null)[] {
  const list: readonly unknown[] = Array.isArray(result) ? result : [result];
  if (list.length !== count) {
    throw new RangeError(
      `Expected ${count} tangents from jvp of ${name}, one for each output, got ${list.length}`,
    );
  }
  const wrong = list.find((tangent) => tangent !== null && tangent !== undefined && !isTensor(tangent));
  if (wrong === undefined) return handles(list.map((tangent) => (tangent ?? null) as Tensor | null));
  throw new TypeError(`Expected Tensors or null from jvp of ${name}, got ${describeValue(wrong)}`);
}

/** The gradients that backward returned, of the arguments that are tensors. */
function readGradients(name: string, result: unknown, areTensors: readonly boolean[]): (Handle | null)[] {
  const list: unknown[] = Array.isArray(result) ? result : [result];
  const tooMany = list
    .slice(areTensors.length)
    .some((gradient) => gradient !== null && gradient !== undefined);
  if (list.length < areTensors.length || tooMany) {
    throw new RangeError(
      `Expected ${areTensors.length} gradients from backward of ${name}, one for each argument of forward (null for none), ` +
        `got ${list.length}`,
    );
  }
  const checked = areTensors.map((isTensorArgument, i) => {
    const gradient = list[i] ?? null;
    if (gradient !== null && !isTensor(gradient)) {
      throw new TypeError(
        `Expected a Tensor or null from backward of ${name} for argument ${i}, got ${describeValue(gradient)}`,
      );
    }
    if (gradient !== null && !isTensorArgument) {
      throw new TypeError(
        `Expected null from backward of ${name} for argument ${i}, which is no tensor, got a Tensor`,
      );
    }
    return gradient;
  });
  return handles(checked.filter((_, i) => areTensors[i]));
}
