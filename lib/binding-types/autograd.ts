import type { Handle } from './schema.ts';

/** What autograd calls and keeps of JavaScript. Functions may be called while backward, or an op, runs. */
export interface AutogradBinding {
  /** The hook gives a tensor instead of the gradient, or undefined. */
  registerHook(tensor: Handle, hook: (gradient: Handle) => Handle | undefined): Handle;
  registerPostAccumulateGradHook(tensor: Handle, hook: (tensor: Handle) => undefined): Handle;
  removeHook(hook: Handle): void;
  retainGrad(tensor: Handle): void;
  retainsGrad(tensor: Handle): boolean;
  /**
   * For tensors that ops save from now on; `pass` is the number of the backward pass, -1 in none. With `frees`, the handles
   * given to `pack` and given by `unpack` are disposed.
   */
  pushSavedHooks(
    pack: (tensor: Handle) => unknown,
    unpack: (value: never, pass: number) => Handle,
    frees: boolean,
  ): void;
  popSavedHooks(): void;
  /**
   * Makes the outputs of a forward what `backward` differentiates. Gives the tensors that stand for outputs, null where an
   * output stands for itself, and a handle for `savedTensors`, null where nothing is differentiated.
   */
  endFunction(
    name: string,
    inputs: Handle[],
    outputs: (Handle | null)[],
    nonDifferentiable: Handle[],
    dirty: Handle[],
    saved: (Handle | null)[],
    materializeGrads: boolean,
    backward: (gradients: (Handle | null)[]) => (Handle | null)[],
    jvp: (tangents: (Handle | null)[]) => (Handle | null)[],
  ): [(Handle | null)[], Handle | null];
  savedTensors(saved: Handle): (Handle | null)[];
  setStackReader(read: () => string): void;
  /** Of the whole process. */
  setAnomaly(enabled: boolean, checkNan: boolean): void;
  isAnomalyEnabled(): boolean;
  isAnomalyCheckNan(): boolean;
  /** The name of the node that failed last and the stack of its forward, in lines; empty without. */
  takeAnomaly(): string;
}
