import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  GroupNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  LayerNorm,
  type Module,
  type Parameter,
  SyncBatchNorm,
} from '../nn/index.ts';
import { Adam, type AnyOptimizer, Optimizer } from '../optim/index.ts';
import {
  checkChoice,
  checkCount,
  checkFlag,
  checkFunction,
  checkNumber,
  checkOptions,
  checkPositions,
  describeValue,
} from '../options.ts';
import { noGrad, scope, type Tensor } from '../tensor/index.ts';
import { type BatchNorm, batchNormsOf, modesOf, NormStatistics } from './batch-norms.ts';
import { inputsOf } from './batches.ts';
import { entropy } from './entropy.ts';

/** Options of {@link Tent}. */
export interface TentOptions {
  /** Whose scales and shifts are learnt: of all norms, the IN halves of IBN layers too (default), or of batch norms alone. */
  norms?: 'all' | 'batch';
  /** Of Adam, the default optimizer. Default 1e-3. */
  lr?: number;
  /** Makes another one. Not beside `lr`. */
  optimizer?: (parameters: Parameter[]) => AnyOptimizer;
  /** Steps for each batch. Default 1. */
  steps?: number;
  /** Begin each batch with the source's parameters. Default false: what was learnt stays. */
  episodic?: boolean;
}

const OPTIONS = ['norms', 'lr', 'optimizer', 'steps', 'episodic'];
const BATCH = [BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm];
const OTHERS = [InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, GroupNorm, LayerNorm];

/**
 * Test-time entropy minimisation (TENT; Wang et al., 2021): batch norms go by the batch, and the scales and shifts of norms
 * learn to make predictions sure. No labels are needed. The network is in its hands until {@link end} or {@link rollBack};
 * running statistics are neither read nor changed. `adaBn` gives them the target's afterwards, for evaluation and `compile`.
 *
 * @throws RangeError for a network without batch norms, or without norms that have a scale and a shift
 * @example
 * const tent = new adapt.Tent(network, { lr: 1e-3 });
 * const classes = tent.forward(images).argmax(1);
 * tent.end();
 */
export class Tent<M extends Module & { forward(x: Tensor): Tensor }> {
  readonly model: M;
  /** What is learnt. */
  readonly parameters: readonly Parameter[];
  /** Mean entropy of the last batch, as the last step found it; NaN before. */
  entropy = Number.NaN;
  readonly #steps: number;
  readonly #episodic: boolean;
  readonly #makeOptimizer: (parameters: Parameter[]) => AnyOptimizer;
  readonly #norms: readonly BatchNorm[];
  readonly #source: readonly Tensor[];
  readonly #statistics: NormStatistics;
  readonly #restoreModes: () => void;
  readonly #requiresGrad: readonly (readonly [Parameter, boolean])[];
  #optimizer: AnyOptimizer;
  #isEnded = false;

  constructor(model: M, options: TentOptions = {}) {
    checkPositions('Tent', arguments, 2);
    checkOptions('Tent', options, OPTIONS);
    const { norms = 'all', lr, optimizer, episodic = false } = options;
    checkChoice('Tent', 'norms', norms, ['all', 'batch']);
    this.#steps = checkCount('Tent', 'steps', options.steps ?? 1);
    checkFlag('Tent episodic', episodic);
    this.#makeOptimizer = makerOf(lr, optimizer);
    this.#norms = [...batchNormsOf('Tent', model).values()];
    this.parameters = affineOf(model, norms);
    this.model = model;
    this.#episodic = episodic;
    this.#optimizer = this.#newOptimizer();
    this.#source = this.parameters.map((parameter) => noGrad(() => parameter.detach().clone()));
    this.#statistics = new NormStatistics(this.#norms);
    this.#restoreModes = modesOf(model);
    this.#requiresGrad = [...model.parameters()].map((one) => [one, one.requiresGrad] as const);
    this.#begin();
  }

  /**
   * Logits of a batch, from before its last step, as published; then the step.
   *
   * @param x (N, ...), several values for each channel
   * @throws RangeError for an entropy that is not finite, before anything is learnt from it; after `end()`
   */
  forward(x: Tensor): Tensor {
    checkPositions('Tent.forward', arguments, 1);
    if (this.#isEnded) throw new RangeError('Expected a Tent that has not ended; make another');
    const inputs = inputsOf('Tent.forward', x);
    if (this.#episodic) this.reset();
    for (let step = 1; step < this.#steps; step++) this.#step(inputs).dispose();
    return this.#step(inputs);
  }

  /** Parameters as they were, and a new optimizer; adaptation goes on. */
  reset(): void {
    this.#putBack();
    this.#optimizer = this.#newOptimizer();
  }

  /** Keeps what was learnt; modes, running statistics and what needs gradients are as before. Twice is fine. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#statistics.restoreMomenta();
    this.#statistics.restore();
    this.#restoreModes();
    this.#optimizer.zeroGrad();
    for (const [parameter, needed] of this.#requiresGrad) parameter.requiresGrad = needed;
  }

  /** As `end()`, with the parameters of before, bit for bit. */
  rollBack(): void {
    this.end();
    this.#putBack();
  }

  #begin(): void {
    this.model.eval();
    for (const norm of this.#norms) {
      norm.training = true; // by the batch
      norm.momentum = 0; // without a trace in the running statistics
    }
    for (const parameter of this.model.parameters()) parameter.requiresGrad = false;
    for (const parameter of this.parameters) parameter.requiresGrad = true;
  }

  #step(inputs: Tensor): Tensor {
    return scope(() => {
      const logits = this.model.forward(inputs);
      const loss = entropy(logits);
      this.entropy = Number(loss.item());
      if (!Number.isFinite(this.entropy))
        throw new RangeError(
          `Expected a finite entropy for Tent, got ${this.entropy}; lower the learning rate, or look at the inputs`,
        );
      loss.backward();
      (this.#optimizer.step as () => unknown).call(this.#optimizer);
      this.#optimizer.zeroGrad();
      return logits.detach();
    });
  }

  #putBack(): void {
    noGrad(() => {
      for (const [i, parameter] of this.parameters.entries()) parameter.copy_(this.#source[i] as Tensor);
    });
  }

  #newOptimizer(): AnyOptimizer {
    const made = this.#makeOptimizer([...this.parameters]);
    if (made instanceof Optimizer) return made as AnyOptimizer;
    throw new TypeError(`Expected an Optimizer from Tent optimizer, got ${describeValue(made)}`);
  }
}

function makerOf(lr: number | undefined, optimizer: TentOptions['optimizer']) {
  if (optimizer === undefined) {
    const rate = checkNumber('Tent', 'lr', lr ?? 1e-3, 0);
    return (parameters: Parameter[]): AnyOptimizer => new Adam(parameters, { lr: rate });
  }
  checkFunction('Tent optimizer', optimizer);
  if (lr !== undefined) throw new RangeError('Expected lr or optimizer for Tent, got both; leave one out');
  return optimizer;
}

function affineOf(model: Module, norms: 'all' | 'batch'): Parameter[] {
  const classes = norms === 'all' ? [...BATCH, ...OTHERS] : BATCH;
  const found = model.modules().filter((module) => classes.some((one) => module instanceof one));
  const parameters = found.flatMap((module) => {
    const { weight, bias } = module as Module & { weight: Parameter | null; bias: Parameter | null };
    return [weight, bias].filter((one) => one !== null);
  });
  if (parameters.length > 0) return parameters;
  throw new RangeError(
    `Expected norms with a scale and a shift for Tent, got ${model.constructor.name} without; they are what it learns`,
  );
}
