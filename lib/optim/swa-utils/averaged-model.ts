import { Module } from '../../nn/index.ts';
import { checkFunction, checkOptions, checkPositions, describeValue } from '../../options.ts';
import { type Device, noGrad, scope, type Tensor, zeros } from '../../tensor/index.ts';
import { demanded, FLAG } from '../checks.ts';
import { type AvgFn, getSwaAvgFn, getSwaMultiAvgFn, type MultiAvgFn } from './averaging.ts';

/** Options of {@link AveragedModel}. */
export interface AveragedModelOptions {
  /** Where the averages lie. Default: where the model does. */
  device?: Device;
  /** Averages one parameter. Default: the mean of all models. */
  avgFn?: AvgFn;
  /** Averages many at once, in the place of `avgFn`. */
  multiAvgFn?: MultiAvgFn;
  /** Average the buffers too, instead of copying them. Default false. */
  useBuffers?: boolean;
}

/**
 * Averages of a model's weights over training, as torch.optim.swa_utils.AveragedModel (2.13): a copy of the model, whose
 * keys begin with `module.`, and `n_averaged`. The averaging functions are not in the state dict.
 *
 * @throws TypeError for what is no module; RangeError for `avgFn` beside `multiAvgFn`.
 * @example
 * const average = new optim.swaUtils.AveragedModel(model, { multiAvgFn: optim.swaUtils.getEmaMultiAvgFn(0.99) });
 * average.updateParameters(model); // after each optimizer.step()
 */
export class AveragedModel<M extends Module = Module> extends Module {
  readonly module: M;
  declare n_averaged: Tensor;
  readonly #avgFn: AvgFn | undefined;
  readonly #multiAvgFn: MultiAvgFn | undefined;
  readonly useBuffers: boolean;

  constructor(model: M, options: AveragedModelOptions = {}) {
    checkPositions('AveragedModel', arguments, 2);
    checkOptions('AveragedModel', options, ['device', 'avgFn', 'multiAvgFn', 'useBuffers']);
    if (!(model instanceof Module)) {
      throw new TypeError(`Expected a Module for AveragedModel, got ${describeValue(model)}`);
    }
    if (options.avgFn !== undefined && options.multiAvgFn !== undefined) {
      throw new RangeError('Expected avgFn or multiAvgFn for AveragedModel, got both');
    }
    for (const name of ['avgFn', 'multiAvgFn'] as const)
      if (options[name] !== undefined) checkFunction(`AveragedModel ${name}`, options[name]);
    super();
    const { device } = options;
    this.module = model.clone();
    if (device !== undefined) this.module.to(device);
    this.registerBuffer(
      'n_averaged',
      zeros([], { dtype: 'int64', ...(device === undefined ? {} : { device }) }),
    );
    this.#avgFn = options.avgFn;
    this.#multiAvgFn = options.multiAvgFn;
    this.useBuffers = demanded('AveragedModel', 'useBuffers', options.useBuffers ?? false, FLAG);
  }

  /** The forward of the averaged copy. */
  forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    return this.module.forward(...inputs);
  }

  /**
   * Takes the weights of `model` into the averages; the first time it copies them.
   *
   * @throws RangeError for a model with another number of parameters.
   */
  updateParameters(model: Module): void {
    checkPositions('AveragedModel.updateParameters', arguments, 1);
    if (!(model instanceof Module))
      throw new TypeError(
        `Expected a Module for AveragedModel.updateParameters, got ${describeValue(model)}`,
      );
    noGrad(() =>
      scope(() => {
        const count = Number(this.n_averaged.item());
        const pairs = this.#pairs(model);
        if (count === 0) for (const [averaged, current] of pairs) averaged.copy_(current);
        else this.#average(pairs, count);
        if (!this.useBuffers) {
          for (const [mine, theirs] of paired(this.module.buffers(), model.buffers(), 'buffers'))
            mine.copy_(theirs);
        }
        this.n_averaged.add_(1);
      }),
    );
  }

  #pairs(model: Module): Pair[] {
    const valuesOf = (module: Module) =>
      this.useBuffers ? [...module.parameters(), ...module.buffers()] : module.parameters();
    return paired(valuesOf(this.module), valuesOf(model), 'parameters');
  }

  /** On the CPU each tensor by itself, as PyTorch does it; elsewhere many at once. */
  #average(pairs: readonly Pair[], count: number): void {
    for (const [place, group] of grouped(pairs)) {
      const onCpu = place.startsWith('cpu');
      const many = this.#multiAvgFn ?? (this.#avgFn === undefined && !onCpu ? getSwaMultiAvgFn() : undefined);
      if (many !== undefined) {
        many(
          group.map(([averaged]) => averaged),
          group.map(([, current]) => current),
          count,
        );
        continue;
      }
      const one = this.#avgFn ?? getSwaAvgFn();
      for (const [averaged, current] of group) averaged.copy_(one(averaged, current, count));
    }
  }
}

type Pair = readonly [averaged: Tensor, current: Tensor];

function paired(mine: readonly Tensor[], theirs: readonly Tensor[], what: string): Pair[] {
  if (mine.length !== theirs.length) {
    throw new RangeError(
      `Expected a model of ${mine.length} ${what} for AveragedModel, got ${theirs.length}`,
    );
  }
  return mine.map((averaged, i) => [averaged.detach(), (theirs[i] as Tensor).detach().to(averaged.device)]);
}

function grouped(pairs: readonly Pair[]): Map<string, Pair[]> {
  const groups = new Map<string, Pair[]>();
  for (const pair of pairs) {
    const key = `${pair[0].device} ${pair[0].dtype}`;
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(pair);
  }
  return groups;
}
