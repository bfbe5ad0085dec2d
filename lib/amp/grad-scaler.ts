import type { Optimizer } from '../optim/index.ts';
import { checkFlags, checkNumbers, checkOptions, checkPositions } from '../options.ts';
import { type Device, full, keep, noGrad, ops, scope, Tensor } from '../tensor/index.ts';
import { checkDevice, checkFactors, checkOptimizer, requireChecked, stateError } from './checks.ts';
import { PerDevice } from './per-device.ts';
import { combined, setScale } from './scale-tensors.ts';
import { type Factors, type GradScalerState, packState, readState } from './scaler-state.ts';
import { unscaleGradients } from './unscale.ts';

/** Options of {@link GradScaler}; torch's defaults. */
export interface GradScalerOptions {
  /** The first scale. Default 65536. */
  initScale?: number;
  /** What the scale is multiplied by after `growthInterval` steps without inf or NaN; above 1. Default 2. */
  growthFactor?: number;
  /** What it is multiplied by after a step with inf or NaN; below 1. Default 0.5. */
  backoffFactor?: number;
  /** Default 2000. */
  growthInterval?: number;
  /** False makes every method do nothing but call the optimizer. Default true. */
  enabled?: boolean;
}

/** What one optimizer has had done since the last `update`. */
interface Progress {
  stage: 'ready' | 'unscaled' | 'stepped';
  /** Above 0 where a gradient on that device is inf or NaN; one number per device. */
  foundInf: Tensor[];
}

/** A tensor, or arrays of them. */
export type Outputs = Tensor | readonly Outputs[];
type AnyOptimizer = Optimizer<never> | Optimizer<{ lr: number }>;

const OPTIONS = ['initScale', 'growthFactor', 'backoffFactor', 'growthInterval', 'enabled'];

/**
 * Scales the loss so that small float16 gradients do not vanish, as torch.amp.GradScaler: leaves out steps whose
 * gradients overflowed, and finds the scale by itself. It follows torch/amp/grad_scaler.py (2.13).
 *
 * With an optimizer that can leave out its step by itself (SGD) nothing waits for the device.
 *
 * @example
 * const scaler = new GradScaler('cuda');
 * for await (const [x, labels] of loader) {
 *   optimizer.zeroGrad();
 *   const loss = autocast('cuda', () => criterion.forward(model.forward(x), labels));
 *   scaler.scale(loss).backward();
 *   scaler.step(optimizer);
 *   scaler.update();
 * }
 */
export class GradScaler {
  readonly device: Device;
  readonly #enabled: boolean;
  #initScale: number;
  #initGrowthTracker = 0;
  #factors: Factors;
  // Made on the device of the first output.
  #state: { scale: Tensor; growthTracker: Tensor } | undefined;
  #progress = new Map<AnyOptimizer, Progress>();

  /**
   * @param device Where training runs, `'cuda'` or `'cpu'`. Default `'cuda'`.
   * @throws TorchError `ERR_CUDA_UNAVAILABLE` for cuda without a device (torch warns and switches itself off);
   *   RangeError for factors on the wrong side of 1.
   */
  constructor(device: Device = 'cuda', options: GradScalerOptions = {}) {
    checkOptions('GradScaler', options, OPTIONS);
    const { initScale = 65536, growthFactor = 2, backoffFactor = 0.5, growthInterval = 2000 } = options;
    checkFlags('GradScaler', { enabled: options.enabled });
    checkNumbers('GradScaler', { initScale });
    this.#enabled = options.enabled ?? true;
    this.device = checkDevice(device, this.#enabled);
    this.#initScale = initScale;
    this.#factors = { growthFactor, backoffFactor, growthInterval };
    checkFactors(this.#factors);
  }

  /** Multiplies a loss, or arrays of losses, by the scale; gives it back as it is when not enabled. */
  scale(outputs: Tensor): Tensor;
  scale<T extends Outputs>(outputs: T): T;
  scale(outputs: Outputs): Outputs {
    checkPositions('GradScaler.scale', arguments, 1);
    if (!this.#enabled) return outputs;
    if (outputs instanceof Tensor) return this.#scaled(outputs);
    if (Array.isArray(outputs)) return outputs.map((output: Outputs) => this.scale(output));
    throw new TypeError(
      `Expected a Tensor or an array of Tensors for GradScaler.scale, got ${typeof outputs}`,
    );
  }

  #scaled(output: Tensor): Tensor {
    this.#state ??= this.#makeState(output.device);
    const { scale } = this.#state;
    return scope(() => output.mul(scale.to({ device: output.device, nonBlocking: true })));
  }

  #makeState(device: Device): { scale: Tensor; growthTracker: Tensor } {
    return {
      scale: keep(full([], this.#initScale, { dtype: 'float32', device })),
      growthTracker: keep(full([], this.#initGrowthTracker, { dtype: 'int32', device })),
    };
  }

  /** @throws TorchError before the first `scale`. */
  #stateFor(method: string): { scale: Tensor; growthTracker: Tensor } {
    if (this.#state !== undefined) return this.#state;
    throw stateError(`Expected scaler.scale(loss) before GradScaler.${method}, got no scaled loss`);
  }

  #progressOf(optimizer: AnyOptimizer): Progress {
    const known = this.#progress.get(optimizer);
    if (known !== undefined) return known;
    const progress: Progress = { stage: 'ready', foundInf: [] };
    this.#progress.set(optimizer, progress);
    return progress;
  }

  /**
   * Divides the optimizer's gradients by the scale, to look at or clip them before `step`.
   *
   * @throws TorchError when called twice, or after `step`, without an `update`; RangeError for float16 gradients:
   *   the parameters must be float32.
   */
  unscale_(optimizer: AnyOptimizer): void {
    checkPositions('GradScaler.unscale_', arguments, 1);
    checkOptimizer('unscale_', optimizer);
    if (!this.#enabled) return;
    const { scale } = this.#stateFor('unscale_');
    const progress = this.#progressOf(optimizer);
    if (progress.stage !== 'ready') {
      const done = progress.stage === 'unscaled' ? 'a second unscale_' : 'one after step';
      throw stateError(`Expected one GradScaler.unscale_ for each update, got ${done}; call update() first`);
    }
    // In float64, as torch: a float32 reciprocal may be off by a bit.
    const inverse = scope(() => scale.to('float64').reciprocal().to('float32'));
    progress.foundInf = this.#check(optimizer, inverse, false);
    inverse.dispose();
    progress.stage = 'unscaled';
  }

  /** Multiplies the gradients by `inverse`; for each device, whether there is an inf or NaN among them. */
  #check(optimizer: AnyOptimizer, inverse: Tensor, allowFloat16: boolean): Tensor[] {
    return noGrad(() =>
      scope(() => {
        const found = new PerDevice(full([], 0, { dtype: 'float32', device: inverse.device }));
        const params = (optimizer.paramGroups as readonly { params: Tensor[] }[]).flatMap(
          (group) => group.params,
        );
        unscaleGradients(params, { found, inverse: new PerDevice(inverse), allowFloat16 });
        return found.values().map(keep);
      }),
    );
  }

  /**
   * Unscales the gradients unless that is done, and calls `optimizer.step()` unless one of them is inf or NaN.
   *
   * @returns What `optimizer.step()` returns; undefined for a step that was left out.
   * @throws TorchError when called twice without an `update`, or when the optimizer has no gradients.
   */
  step(optimizer: AnyOptimizer): unknown {
    checkPositions('GradScaler.step', arguments, 1);
    checkOptimizer('step', optimizer);
    if (!this.#enabled) return optimizer.step();
    this.#stateFor('step');
    const progress = this.#progressOf(optimizer);
    if (progress.stage === 'stepped') {
      throw stateError('Expected one GradScaler.step for each update, got a second; call update() first');
    }
    const result = optimizer.stepSupportsAmpScaling
      ? this.#stepInOne(optimizer, progress)
      : this.#stepUnlessInf(optimizer, progress);
    progress.stage = 'stepped';
    return result;
  }

  /** The optimizer divides by the scale and looks at `foundInf` on the device. */
  #stepInOne(optimizer: AnyOptimizer, progress: Progress): unknown {
    const { scale } = this.#stateFor('step');
    if (progress.stage === 'ready') {
      const one = full([], 1, { dtype: 'float32', device: scale.device });
      progress.foundInf = this.#check(optimizer, one, true);
      one.dispose();
    }
    requireChecked(progress.foundInf);
    const foundInf = combined(progress.foundInf, scale.device);
    optimizer.gradScale = progress.stage === 'unscaled' ? null : scale;
    optimizer.foundInf = foundInf;
    try {
      return optimizer.step();
    } finally {
      optimizer.gradScale = null;
      optimizer.foundInf = null;
      foundInf.dispose();
    }
  }

  #stepUnlessInf(optimizer: AnyOptimizer, progress: Progress): unknown {
    if (progress.stage === 'ready') this.unscale_(optimizer);
    requireChecked(progress.foundInf);
    return progress.foundInf.some((found) => found.item() !== 0) ? undefined : optimizer.step();
  }

  /**
   * Makes the scale larger or smaller by what the steps since the last call met; once per iteration, after the last
   * `step`. With `newScale` (a number, or a tensor of one element) sets it.
   *
   * @throws TorchError when no optimizer was stepped or unscaled.
   */
  update(newScale?: number | Tensor): void {
    checkPositions('GradScaler.update', arguments, 1);
    if (!this.#enabled) return;
    const { scale, growthTracker } = this.#stateFor('update');
    noGrad(() => {
      if (newScale !== undefined) setScale(scale, newScale);
      else this.#adapt(scale, growthTracker);
    });
    this.#forget();
  }

  #adapt(scale: Tensor, growthTracker: Tensor): void {
    const found = [...this.#progress.values()].flatMap(({ foundInf }) => foundInf);
    if (found.length === 0) {
      throw stateError('Expected scaler.step(optimizer) before GradScaler.update, got no checked gradients');
    }
    const all = combined(found, scale.device);
    const { growthFactor, backoffFactor, growthInterval } = this.#factors;
    ops.aten._amp_update_scale_(scale, growthTracker, all, growthFactor, backoffFactor, growthInterval);
    all.dispose();
  }

  #forget(): void {
    for (const { foundInf } of this.#progress.values()) for (const found of foundInf) found.dispose();
    this.#progress = new Map();
  }

  /** The present scale, 1 when not enabled. Waits for the device. */
  getScale(): number {
    if (!this.#enabled) return 1;
    return this.#state === undefined ? this.#initScale : (this.#state.scale.item() as number);
  }

  getGrowthFactor(): number {
    return this.#factors.growthFactor;
  }

  setGrowthFactor(growthFactor: number): void {
    checkPositions('GradScaler.setGrowthFactor', arguments, 1);
    this.#setFactors({ growthFactor });
  }

  getBackoffFactor(): number {
    return this.#factors.backoffFactor;
  }

  setBackoffFactor(backoffFactor: number): void {
    checkPositions('GradScaler.setBackoffFactor', arguments, 1);
    this.#setFactors({ backoffFactor });
  }

  getGrowthInterval(): number {
    return this.#factors.growthInterval;
  }

  setGrowthInterval(growthInterval: number): void {
    checkPositions('GradScaler.setGrowthInterval', arguments, 1);
    this.#setFactors({ growthInterval });
  }

  #setFactors(changed: Partial<Factors>): void {
    const factors = { ...this.#factors, ...changed };
    checkFactors(factors);
    this.#factors = factors;
  }

  isEnabled(): boolean {
    return this.#enabled;
  }

  /** torch's layout, to be taken after `update`; empty when not enabled. Waits for the device. */
  stateDict(): GradScalerState | Record<string, never> {
    if (!this.#enabled) return {};
    const tracker = this.#state?.growthTracker;
    const steps = tracker === undefined ? this.#initGrowthTracker : (tracker.item() as number);
    return packState(this.getScale(), this.#factors, steps);
  }

  /**
   * Restores what `stateDict()` gave, here or in Python; does nothing when not enabled.
   *
   * @throws RangeError for the state of a scaler that was not enabled, or without one of its keys.
   */
  loadStateDict(state: ReadonlyMap<string, unknown> | object): void {
    if (!this.#enabled) return;
    const { scale, factors, growthTracker } = readState(state);
    checkFactors(factors);
    this.#initScale = scale;
    this.#factors = factors;
    this.#initGrowthTracker = growthTracker;
    if (this.#state === undefined) return;
    this.#state.scale.fill_(scale);
    this.#state.growthTracker.fill_(growthTracker);
  }
}
