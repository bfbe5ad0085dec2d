import { checkPositions, describeValue } from '../../options.ts';
import { type HookHandle, HookList } from './hooks.ts';
import type { Optimizer } from './optimizer.ts';

/** Any optimizer, whatever its options. */
export type AnyOptimizer = Optimizer<never> | Optimizer<{ lr: number }>;

/** What `step` may be given: it computes the loss and its gradients. */
export type Closure = () => unknown;

/** Runs before each step; a function that it returns takes the place of the closure. */
export type StepPreHook = (optimizer: AnyOptimizer, closure: Closure | undefined) => unknown;

/** Runs after each step. */
export type StepPostHook = (optimizer: AnyOptimizer, closure: Closure | undefined) => void;

const before = new HookList<StepPreHook>();
const after = new HookList<StepPostHook>();

/** Runs `hook` before each step of every optimizer, before the optimizer's own hooks. */
export function registerOptimizerStepPreHook(hook: StepPreHook): HookHandle {
  checkPositions('registerOptimizerStepPreHook', arguments, 1);
  return before.add('registerOptimizerStepPreHook', hook);
}

/** Runs `hook` after each step of every optimizer, after the optimizer's own hooks. */
export function registerOptimizerStepPostHook(hook: StepPostHook): HookHandle {
  checkPositions('registerOptimizerStepPostHook', arguments, 1);
  return after.add('registerOptimizerStepPostHook', hook);
}

/** Step hooks of one optimizer, and those of all of them around. */
export class StepHooks {
  readonly before = new HookList<StepPreHook>();
  readonly after = new HookList<StepPostHook>();

  /** @throws TypeError where a hook before the step returns what is no closure. */
  run<T>(optimizer: AnyOptimizer, closure: (() => T) | undefined, step: (closure?: () => T) => T): T {
    const call = (hook: StepPreHook, now: Closure | undefined): Closure | undefined => {
      const replaced: unknown = hook(optimizer, now);
      if (replaced === undefined || typeof replaced === 'function') return replaced as Closure | undefined;
      throw new TypeError(`Expected a closure or nothing from a step hook, got ${describeValue(replaced)}`);
    };
    const used = this.before.pass(before.pass(closure as Closure | undefined, call), call) as typeof closure;
    const loss = step(used);
    this.after.call(optimizer, used);
    after.call(optimizer, used);
    return loss;
  }
}
