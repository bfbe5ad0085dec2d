import { checkOptions, checkPositions } from '../../options.ts';
import type { AnyOptimizer } from '../base/step-hooks.ts';
import { type Demand, demanded, EPOCHS, FLAG, oneOf, POSITIVE, UNIT } from '../checks.ts';
import { LRScheduler } from './lr-scheduler.ts';
import { beginMomentum, setMomentum, usesBeta1 } from './momentum.ts';
import { checkOptimizer, type Field, type Group, perGroup, type SchedulerOptions } from './scheduler.ts';

/** Options of {@link OneCycleLR}; `totalSteps`, or `epochs` and `stepsPerEpoch`, must be there. */
export interface OneCycleLROptions extends SchedulerOptions {
  totalSteps?: number;
  epochs?: number;
  stepsPerEpoch?: number;
  /** The share of the steps in which the rate rises. Default 0.3. */
  pctStart?: number;
  /** Along half a cosine, or a line. Default `'cos'`. */
  annealStrategy?: 'cos' | 'linear';
  /** Lower the momentum where the rate rises. Default true. */
  cycleMomentum?: boolean;
  /** The least momentum, one for each group or one for all. Default 0.85. */
  baseMomentum?: number | readonly number[];
  /** The largest. Default 0.95. */
  maxMomentum?: number | readonly number[];
  /** The first rate is `maxLr` by this. Default 25. */
  divFactor?: number;
  /** The last rate is the first by this. Default 1e4. */
  finalDivFactor?: number;
  /** Go down as long as up, and only then to the last rate. Default false. */
  threePhase?: boolean;
}

const OPTIONS = ['totalSteps', 'epochs', 'stepsPerEpoch', 'pctStart', 'annealStrategy', 'divFactor'];
const ANNEAL = oneOf('cos', 'linear');
const PHASES: Demand = { what: 'a list of phases', isMet: Array.isArray };

/** From which number of a group to which one a phase goes, under PyTorch's names. */
interface Phase {
  end_step: number;
  start_lr: string;
  end_lr: string;
  start_momentum: string;
  end_momentum: string;
}

const phase = (
  end_step: number,
  lr: readonly [string, string],
  momentum: readonly [string, string],
): Phase => ({
  end_step,
  start_lr: lr[0],
  end_lr: lr[1],
  start_momentum: momentum[0],
  end_momentum: momentum[1],
});

/**
 * Raises the rate to `maxLr` and lowers it far below the first, and the momentum the other way. Step it after every
 * batch, `totalSteps` times in all.
 *
 * @example
 * const scheduler = new optim.lrScheduler.OneCycleLR(optimizer, 0.1, { epochs: 10, stepsPerEpoch: 500 });
 */
export class OneCycleLR extends LRScheduler {
  totalSteps: number;
  annealStrategy: string;
  cycleMomentum: boolean;
  protected useBeta1 = false;
  protected phases: Phase[];

  /** @param maxLr The largest rate, one for each group or one for all. */
  constructor(optimizer: AnyOptimizer, maxLr: number | readonly number[], options: OneCycleLROptions) {
    const name = 'OneCycleLR';
    checkPositions(name, arguments, 3);
    checkOptimizer(name, optimizer);
    const momentumOptions = ['cycleMomentum', 'baseMomentum', 'maxMomentum'];
    checkOptions(name, options, [
      ...OPTIONS,
      ...momentumOptions,
      'finalDivFactor',
      'threePhase',
      'lastEpoch',
    ]);
    const totalSteps = totalStepsOf(options);
    const pctStart = demanded(name, 'pctStart', options.pctStart ?? 0.3, UNIT);
    const annealStrategy = demanded(name, 'annealStrategy', options.annealStrategy ?? 'cos', ANNEAL);
    const cycleMomentum = demanded(name, 'cycleMomentum', options.cycleMomentum ?? true, FLAG);
    const threePhase = demanded(name, 'threePhase', options.threePhase ?? false, FLAG);
    const divFactor = demanded(name, 'divFactor', options.divFactor ?? 25, POSITIVE);
    const finalDivFactor = demanded(name, 'finalDivFactor', options.finalDivFactor ?? 1e4, POSITIVE);
    const maxLrs = perGroup(name, 'maxLr', maxLr, optimizer);
    const useBeta1 = cycleMomentum && usesBeta1(name, optimizer);
    if ((options.lastEpoch ?? -1) === -1) {
      for (const [i, group] of (optimizer.paramGroups as unknown as Group[]).entries()) {
        group.initialLr = (maxLrs[i] as number) / divFactor;
        group.maxLr = maxLrs[i] as number;
        group.minLr = group.initialLr / finalDivFactor;
      }
    }
    super(optimizer, options);
    this.totalSteps = totalSteps;
    this.annealStrategy = annealStrategy;
    this.cycleMomentum = cycleMomentum;
    this.useBeta1 = useBeta1;
    this.phases = threePhase ? threePhases(pctStart, totalSteps) : twoPhases(pctStart, totalSteps);
    if (cycleMomentum) this.#beginMomentum(options);
    this.begin();
  }

  #beginMomentum({ baseMomentum = 0.85, maxMomentum = 0.95, lastEpoch = -1 }: OneCycleLROptions): void {
    const bases = perGroup('OneCycleLR', 'baseMomentum', baseMomentum, this.optimizer);
    const most = perGroup('OneCycleLR', 'maxMomentum', maxMomentum, this.optimizer);
    if (lastEpoch !== -1) return;
    for (const [i, group] of this.groups.entries()) {
      beginMomentum(group, { base: bases[i] as number, max: most[i] as number }, this.useBeta1);
    }
  }

  protected nextLr(group: Group): number {
    const { lastEpoch: step, totalSteps, phases } = this;
    if (step > totalSteps) {
      throw new RangeError(`Expected at most ${totalSteps} steps of OneCycleLR, got step ${step}`);
    }
    const found = phases.findIndex((one) => step <= one.end_step);
    const at = found === -1 ? phases.length - 1 : found;
    const now = phases[at] as Phase;
    const start = at === 0 ? 0 : (phases[at - 1] as Phase).end_step;
    const share = (step - start) / (now.end_step - start);
    if (this.cycleMomentum) {
      setMomentum(group, this.#between(group, now.start_momentum, now.end_momentum, share), this.useBeta1);
    }
    return this.#between(group, now.start_lr, now.end_lr, share);
  }

  #between(group: Group, from: string, to: string, share: number): number {
    const [start, end] = [numberOf(group, from), numberOf(group, to)];
    if (this.annealStrategy === 'linear') return (end - start) * share + start;
    return end + ((start - end) / 2) * (Math.cos(Math.PI * share) + 1);
  }

  protected get fields(): readonly Field[] {
    return [
      ['total_steps', 'totalSteps', EPOCHS],
      ['_schedule_phases', 'phases', PHASES],
      ['_anneal_func_type', 'annealStrategy', ANNEAL],
      ['cycle_momentum', 'cycleMomentum', FLAG],
      ...(this.cycleMomentum ? ([['use_beta1', 'useBeta1', FLAG]] as const) : []),
    ];
  }

  protected override readFields(state: ReadonlyMap<string, unknown>): Record<string, unknown> {
    const { phases, ...rest } = super.readFields(state);
    const read = (phases as (object | Map<string, unknown>)[]).map((one) => {
      const entries = one instanceof Map ? Object.fromEntries(one) : { ...one };
      return entries as unknown as Phase;
    });
    return { ...rest, phases: read };
  }
}

const NUMBERS: Record<string, string> = {
  initial_lr: 'initialLr',
  max_lr: 'maxLr',
  min_lr: 'minLr',
  max_momentum: 'maxMomentum',
  base_momentum: 'baseMomentum',
};

function numberOf(group: Group, key: string): number {
  const value = group[NUMBERS[key] ?? key];
  if (typeof value === 'number') return value;
  throw new RangeError(
    `Expected "${key}" in each parameter group for OneCycleLR, got none; load the optimizer's state`,
  );
}

function totalStepsOf({ totalSteps, epochs, stepsPerEpoch }: OneCycleLROptions): number {
  if (totalSteps !== undefined) return demanded('OneCycleLR', 'totalSteps', totalSteps, EPOCHS);
  if (epochs === undefined || stepsPerEpoch === undefined) {
    throw new RangeError('Expected totalSteps, or epochs and stepsPerEpoch, for OneCycleLR, got neither');
  }
  const steps = demanded('OneCycleLR', 'stepsPerEpoch', stepsPerEpoch, EPOCHS);
  return demanded('OneCycleLR', 'epochs', epochs, EPOCHS) * steps;
}

const UP = [['initial_lr', 'max_lr'] as const, ['max_momentum', 'base_momentum'] as const] as const;
const BACK = ['base_momentum', 'max_momentum'] as const;

const twoPhases = (share: number, total: number): Phase[] => [
  phase(share * total - 1, ...UP),
  phase(total - 1, ['max_lr', 'min_lr'], BACK),
];

const threePhases = (share: number, total: number): Phase[] => [
  phase(share * total - 1, ...UP),
  phase(2 * share * total - 2, ['max_lr', 'initial_lr'], BACK),
  phase(total - 1, ['initial_lr', 'min_lr'], ['max_momentum', 'max_momentum']),
];
