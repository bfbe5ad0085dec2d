import { checkPositions } from '../../options.ts';
import { enableGrad, isTensor, noGrad, type Tensor } from '../../tensor/index.ts';
import { callForeign } from '../../tensor/own-code.ts';
import { release, temporaries } from '../../tensor/scope.ts';
import { Optimizer } from '../base/optimizer.ts';
import { checkAgainst, type OptionTable, optionsOf } from '../base/option-table.ts';
import type { ParamGroup, ParamsInput } from '../base/params.ts';
import type { OptimizerState, StateLayout, StateValue } from '../base/state.ts';
import { COUNT, EPOCHS, NOT_NEGATIVE, oneOf } from '../checks.ts';
import { FlatParams } from './lbfgs/flat-params.ts';
import { History } from './lbfgs/history.ts';
import { strongWolfe } from './lbfgs/strong-wolfe.ts';

/** Options of LBFGS. */
export interface LBFGSOptions {
  /** Learning rate. Default 1. */
  lr?: number;
  /** Iterations of one step. Default 20. */
  maxIter?: number;
  /** Evaluations of the closure in one step. Default `maxIter` times 1.25, rounded down. */
  maxEval?: number;
  /** Stop where no gradient is larger. Default 1e-7. */
  toleranceGrad?: number;
  /** Stop where the loss or the parameters change less. Default 1e-9. */
  toleranceChange?: number;
  /** How many updates are remembered. Default 100. */
  historySize?: number;
  /** `'strong_wolfe'` searches along the direction; null takes the rate as it is. Default null. */
  lineSearchFn?: 'strong_wolfe' | null;
}

type LBFGSGroup = Required<LBFGSOptions>;

const TABLE: OptionTable<LBFGSGroup> = {
  lr: [1, NOT_NEGATIVE],
  maxIter: [20, EPOCHS],
  maxEval: [25, EPOCHS],
  toleranceGrad: [1e-7, NOT_NEGATIVE],
  toleranceChange: [1e-9, NOT_NEGATIVE],
  historySize: [100, COUNT],
  lineSearchFn: [null, oneOf('strong_wolfe', null)],
};

/** Where an iteration stands: the loss, its gradient, and how often the closure ran. */
interface Progress {
  loss: number;
  gradient: Tensor;
  evaluations: number;
}

/**
 * L-BFGS, as torch.optim.LBFGS (2.13): several iterations in a step, each with the closure run anew. All parameters are
 * in one group.
 *
 * @throws RangeError for a second group and values out of range; TypeError for a step without a closure.
 * @example
 * const optimizer = new optim.LBFGS(model.parameters(), { lineSearchFn: 'strong_wolfe' });
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const loss = criterion.forward(model.forward(x), labels);
 *   loss.backward();
 *   return loss;
 * });
 */
export class LBFGS extends Optimizer<LBFGSGroup> {
  constructor(params: ParamsInput<LBFGSGroup>, options: LBFGSOptions = {}) {
    checkPositions('LBFGS', arguments, 2);
    const maxEval = Math.floor(((options.maxIter ?? 20) * 5) / 4);
    super(params, optionsOf('LBFGS', { ...options, maxEval: options.maxEval ?? maxEval }, TABLE));
  }

  protected get stateLayout(): StateLayout {
    const names = ['func_evals', 'n_iter', 'd', 't', 'old_dirs', 'old_stps', 'ro', 'H_diag', 'al'];
    return { names: [...names, 'prev_flat_grad', 'prev_loss'], shapeOf: () => undefined };
  }

  protected checkGroup(group: ParamGroup<LBFGSGroup>): void {
    checkAgainst('LBFGS', group, TABLE);
    const first = this.paramGroups[0];
    if (first === undefined || first.params === group.params) return;
    throw new RangeError('Expected one parameter group for LBFGS, got a second');
  }

  /** With handles of its own: those of the state go when a step replaces them. */
  protected override packed(): OptimizerState {
    const packed = super.packed();
    for (const [number, entry] of packed.state) packed.state.set(number, mapTensors(entry));
    return packed;
  }

  protected stepGroup(): void {
    throw new TypeError('Expected a closure that computes the loss for LBFGS.step, got none');
  }

  protected override runStep<T>(closure: (() => T) | undefined): T | undefined {
    if (typeof closure !== 'function') this.stepGroup();
    const group = this.paramGroups[0] as ParamGroup<LBFGSGroup>;
    // The closure may keep what it makes.
    const foreign = (): T => enableGrad(() => callForeign(closure as () => T));
    return noGrad(() => temporaries(() => this.#iterate(foreign, group)));
  }

  #iterate<T>(closure: () => T, group: ParamGroup<LBFGSGroup>): T {
    const flat = new FlatParams(group.params);
    const evaluate = () => lossOf(closure());
    const first = closure();
    const progress: Progress = { loss: lossOf(first), gradient: flat.gradient(), evaluations: 1 };
    const history = new History(this.state, group.params[0] as Tensor, group.historySize);
    history.count('funcEvals', 1);
    if (largest(progress.gradient) > group.toleranceGrad) {
      const alive = () => [progress.gradient, ...history.tensors];
      let before = alive();
      for (let i = 1, goesOn = true; goesOn; i++) {
        goesOn = temporaries(() => {
          const isLast = i === group.maxIter;
          return {
            goesOn: this.#move({ flat, history, progress, group, evaluate, isLast }),
            alive: alive(),
          };
        }).goesOn;
        const now = new Set(alive());
        for (const tensor of before) if (!now.has(tensor)) release(tensor);
        before = [...now];
      }
      history.save();
    }
    return first;
  }

  /** One iteration; false where it was the last. */
  #move({ flat, history, progress, group, evaluate, isLast }: Move): boolean {
    const { toleranceChange, toleranceGrad, maxEval, lineSearchFn } = group;
    const before = progress.loss;
    const direction = history.direction(progress);
    const slope = progress.gradient.dot(direction).item() as number;
    history.rate = history.iterations === 1 ? firstRate(progress.gradient, group.lr) : group.lr;
    if (slope > -toleranceChange) return false;
    let evaluations = 0;
    if (lineSearchFn !== null) {
      const from = { rate: history.rate, direction, slope, ...progress };
      const limits = { toleranceChange, mostEvaluations: maxEval - progress.evaluations };
      const found = strongWolfe((rate) => flat.evaluateAt(rate, direction, evaluate), from, limits);
      Object.assign(progress, { loss: found.loss, gradient: found.gradient });
      history.rate = found.rate;
      evaluations = found.evaluations;
      flat.add(found.rate, direction);
    } else {
      flat.add(history.rate, direction);
      if (!isLast) {
        Object.assign(progress, { loss: evaluate(), gradient: flat.gradient() });
        evaluations = 1;
      }
    }
    progress.evaluations += evaluations;
    history.count('funcEvals', evaluations);
    if (isLast || progress.evaluations >= maxEval || largest(progress.gradient) <= toleranceGrad)
      return false;
    return (
      largest(direction.mul(history.rate)) > toleranceChange &&
      Math.abs(progress.loss - before) >= toleranceChange
    );
  }
}

interface Move {
  flat: FlatParams;
  history: History;
  progress: Progress;
  group: LBFGSGroup;
  evaluate: () => number;
  isLast: boolean;
}

/** The first step is no longer than the rate in the sum of its parts. */
function firstRate(gradient: Tensor, lr: number): number {
  const share = gradient.abs().sum().reciprocal_();
  return (share.item() as number) < 1 ? (share.mul_(lr).item() as number) : lr;
}

function mapTensors(entry: Record<string, StateValue>): Record<string, StateValue> {
  return Object.fromEntries(Object.entries(entry).map(([key, value]) => [key, aliasOf(value)]));
}

function aliasOf(value: StateValue): StateValue {
  if (Array.isArray(value)) return value.map(aliasOf);
  return isTensor(value) ? value.detach() : value;
}

const largest = (x: Tensor): number => x.abs().max().item() as number;

function lossOf(loss: unknown): number {
  if (typeof loss === 'number') return loss;
  if (isTensor(loss)) return loss.item() as number;
  throw new TypeError(
    `Expected a loss from the closure of LBFGS.step, got ${loss === null ? 'null' : typeof loss}`,
  );
}
