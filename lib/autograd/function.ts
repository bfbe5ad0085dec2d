import { describeValue } from '../options.ts';
import type { Tensor } from '../tensor/index.ts';
import { type AnyFunction, applyFunction } from './apply.ts';

/** A subclass whose forward gets the context. */
interface WithContext<A extends unknown[], R> {
  // biome-ignore lint/suspicious/noExplicitAny: a context may have properties of its own
  forward(ctx: any, ...args: A): R;
}

/** A subclass whose setupContext gets the context. */
interface WithSetup<A extends unknown[], R> {
  forward(...args: A): R;
  // biome-ignore lint/suspicious/noExplicitAny: a context may have properties of its own
  setupContext(ctx: any, inputs: any, output: any): void;
}

/**
 * An op whose derivative is written by hand, as torch.autograd.Function (PyTorch 2.13).
 *
 * A subclass has static functions. `forward(ctx, ...args)` computes the output, a tensor or an array, without being recorded;
 * `backward(ctx, ...gradOutputs)` gets a gradient for each output and returns one for each argument of forward, null where
 * there is none. With a static `setupContext(ctx, inputs, output)`, forward gets the arguments alone. `apply(...args)` calls
 * the op; its errors and `gradFn` name the class.
 *
 * With a static `jvp(ctx, ...tangents)`, which gets a tangent for each argument of forward (null for what is no tensor) and
 * returns one for each output, forward mode works too; it reads what `ctx.saveForForward` kept.
 *
 * Backward is recorded with `createGraph`, so that an op whose backward is made of ops can be differentiated again;
 * `onceDifferentiable` refuses that. It runs on this thread and must be synchronous.
 *
 * @example
 * class Exp extends autograd.Function {
 *   static forward(ctx: autograd.FunctionCtx<[Tensor]>, x: Tensor) {
 *     const y = x.exp();
 *     ctx.saveForBackward(y);
 *     return y;
 *   }
 *   static backward(ctx: autograd.FunctionCtx<[Tensor]>, gradOutput: Tensor) {
 *     const [y] = ctx.savedTensors;
 *     return gradOutput.mul(y);
 *   }
 * }
 * const y = Exp.apply(x);
 */
// biome-ignore lint/complexity/noStaticOnlyClass: torch's form, which users extend
export abstract class AutogradFunction {
  static apply<A extends unknown[], R>(this: WithSetup<A, R>, ...args: A): R;
  static apply<A extends unknown[], R>(this: WithContext<A, R>, ...args: A): R;
  static apply(this: unknown, ...args: unknown[]): unknown {
    // biome-ignore lint/complexity/noThisInStatic: the subclass
    return applyFunction(checkClass(this), args);
  }
}

/** Gradients for backward to return: one tensor, or one for each argument of forward. */
export type Gradients = Tensor | null | readonly (Tensor | null)[];

function checkClass(value: unknown): AnyFunction {
  const isClass = typeof value === 'function' && value.prototype instanceof AutogradFunction;
  if (!isClass) {
    throw new TypeError(
      `Expected a subclass of autograd.Function for apply, got ${describeValue(value)}; call it as MyOp.apply(x)`,
    );
  }
  const { name, forward } = value as unknown as Partial<AnyFunction>;
  if (typeof forward !== 'function') {
    throw new TypeError(
      `Expected a static function forward in the autograd.Function ${name}, got ${describeValue(forward)}`,
    );
  }
  return value as unknown as AnyFunction;
}
