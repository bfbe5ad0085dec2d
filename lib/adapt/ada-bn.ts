import { setImmediate } from 'node:timers/promises';
import type { CompiledModel } from '../compile/index.ts';
import type { Module } from '../nn/index.ts';
import { checkFunction, checkNumber, checkOptions, checkPositions, describeValue } from '../options.ts';
import { type Device, noGrad, scope, type Tensor } from '../tensor/index.ts';
import { type BatchNorm, batchNormsOf, modesOf, NormStatistics } from './batch-norms.ts';
import { type Batches, checkBatches, inputsOf } from './batches.ts';
import { Guard, type Judged, type Verdict } from './guard.ts';

/** Options of {@link adaBn}. */
export interface AdaBnOptions {
  /**
   * How many images the source's statistics count as, N: of n images the target's have the weight n / (N + n) (Schneider et
   * al., 2020). Default 0: the target's alone.
   */
  prior?: number;
  /**
   * In place of means over all batches: running averages that begin with the source's statistics, each batch with this
   * weight, as in training. From 0 to 1, 0 excluded. Not beside `prior`.
   */
  momentum?: number;
  /** Where the model computes. Default where the batches are. */
  device?: Device;
  /** Refuses what makes the network worse by more than its bound: weaker mixtures are tried, then the source's statistics stay. */
  guard?: Guard;
  /** The model of `compile` with `refoldable: true` that runs this network, and takes the statistics over. */
  compiled?: Pick<CompiledModel<never>, 'refold'>;
  /** Called after each batch. */
  onBatch?: (progress: { readonly batches: number; readonly images: number }) => void;
}

/** What {@link adaBn} did. */
export interface AdaBnResult {
  readonly images: number;
  readonly batches: number;
  /** Names of the batch norms. */
  readonly norms: readonly string[];
  /** The weight of the target's statistics; 0 where the guard refused all, and nothing is changed. */
  readonly share: number;
  /** The guard's last word. */
  readonly verdict: Verdict | undefined;
  /** Gives the norms the statistics of before, bit for bit, and the compiled model too. */
  rollBack(): Promise<void>;
}

const OPTIONS = ['prior', 'momentum', 'device', 'guard', 'compiled', 'onBatch'];

/** Mixtures that a guard is asked of, as parts of what was wanted. */
const WEAKER = [1, 1 / 2, 1 / 4, 1 / 8];

/**
 * Adaptive batch normalisation (AdaBN; Li et al., 2016): gives the batch norms of a network the statistics of a target domain.
 * Weights stay, and so does instance normalisation, the IN half of IBN layers too. No labels are needed. Without `prior`
 * and `momentum` the statistics are those of torch's `update_bn`: each layer's means over batches, each batch counting alike;
 * all else of the network is in evaluation mode meanwhile. Where anything fails, the statistics are as before.
 *
 * The event loop turns between two batches, with the norms in training mode: until the promise settles, nothing else may run the
 * network itself, whose calls would count as batches of the target and be normalised by their own statistics. The model of
 * `compiled`, or any other that `compile` made of it, may be run.
 *
 * @param batches of the target, of two images or more; dozens each, in mixed order, are better
 * @throws RangeError for no batches, a network without batch norms, or statistics that are not finite
 * @example
 * const target = [randn([8, 3, 64, 64]), randn([8, 3, 64, 64])]; // or a DataLoader
 * const { images, rollBack } = await adapt.adaBn(network, target, { prior: 16 }); // 16 images
 * await rollBack();
 */
export async function adaBn(
  model: Module,
  batches: Batches,
  options: AdaBnOptions = {},
): Promise<AdaBnResult> {
  checkPositions('adaBn', arguments, 3);
  const { prior, momentum } = checkAdaBnOptions(options);
  const norms = batchNormsOf('adaBn', model);
  checkBatches('adaBn', 'batches', batches);
  const source = new NormStatistics(norms.values());
  try {
    const seen = await measure(model, norms, source, batches, momentum, options);
    const target = new NormStatistics(norms.values());
    const wanted = momentum === undefined ? seen.images / (prior + seen.images) : 1;
    const { share, verdict } = await settle(model, source, target, wanted, options.guard);
    if (share > 0) await options.compiled?.refold();
    const rollBack = async () => {
      source.restore();
      await options.compiled?.refold();
    };
    return { ...seen, norms: [...norms.keys()], share, verdict, rollBack };
  } catch (error) {
    source.restore();
    throw error;
  }
}

function checkAdaBnOptions(options: AdaBnOptions): { prior: number; momentum: number | undefined } {
  checkOptions('adaBn', options, OPTIONS);
  const { prior, momentum, guard, compiled, onBatch } = options;
  if (prior !== undefined && momentum !== undefined)
    throw new RangeError('Expected prior or momentum for adaBn, got both; leave one out');
  if (momentum !== undefined && !(checkNumber('adaBn', 'momentum', momentum) > 0 && momentum <= 1))
    throw new RangeError(`Expected a number from 0 to 1, and not 0, for adaBn momentum, got ${momentum}`);
  if (prior === Number.POSITIVE_INFINITY)
    throw new RangeError('Expected a number of images for adaBn prior, got Infinity');
  if (guard !== undefined && !(guard instanceof Guard))
    throw new TypeError(`Expected a Guard for adaBn guard, got ${describeValue(guard)}`);
  if (compiled !== undefined && typeof (compiled as { refold?: unknown } | null)?.refold !== 'function')
    throw new TypeError(`Expected a compiled model for adaBn compiled, got ${describeValue(compiled)}`);
  if (onBatch !== undefined) checkFunction('adaBn onBatch', onBatch);
  return { prior: checkNumber('adaBn', 'prior', prior ?? 0, 0), momentum };
}

/** Leaves the target's statistics in the norms, and all else as it was. */
async function measure(
  model: Module,
  norms: ReadonlyMap<string, BatchNorm>,
  source: NormStatistics,
  batches: Batches,
  momentum: number | undefined,
  { device, onBatch }: AdaBnOptions,
): Promise<{ images: number; batches: number }> {
  const restoreModes = modesOf(model);
  let seen = { images: 0, batches: 0 };
  model.eval();
  for (const norm of norms.values()) {
    norm.training = true;
    norm.momentum = momentum ?? null;
    if (momentum === undefined) norm.resetRunningStats();
  }
  try {
    for await (const batch of batches) {
      const inputs = inputsOf('adaBn', batch);
      forwardOnly(model, inputs, device);
      seen = { images: seen.images + (inputs.shape[0] as number), batches: seen.batches + 1 };
      onBatch?.(seen);
      await setImmediate(); // what else the process does, such as answering, comes between two batches
    }
  } finally {
    source.restoreMomenta();
    restoreModes();
  }
  if (seen.batches === 0) throw new RangeError('Expected batches for adaBn argument "batches", got none');
  checkFinite(norms);
  return seen;
}

function forwardOnly(model: Module, inputs: Tensor, device: Device | undefined): void {
  noGrad(() =>
    scope(() => {
      model.forward(device === undefined ? inputs : inputs.to(device));
    }),
  );
}

function checkFinite(norms: ReadonlyMap<string, BatchNorm>): void {
  const isFine = (tensor: Tensor) => scope(() => Boolean(tensor.isfinite().all().item()));
  for (const [name, { running_mean, running_var }] of norms) {
    if (isFine(running_mean) && isFine(running_var)) continue;
    throw new RangeError(
      `Expected finite statistics for adaBn, got others in "${name}"; look for inputs that are not finite`,
    );
  }
}

/** The strongest mixture that the guard accepts; 0: none. */
async function settle(
  model: Module,
  source: NormStatistics,
  target: NormStatistics,
  wanted: number,
  guard: Guard | undefined,
): Promise<{ share: number; verdict: Verdict | undefined }> {
  let verdict: Verdict | undefined;
  for (const part of guard === undefined ? [1] : WEAKER) {
    const share = wanted * part;
    source.mix(target, share);
    verdict = await guard?.judge(model as Judged);
    if (verdict?.accepted !== false) return { share, verdict };
  }
  source.restore();
  return { share: 0, verdict };
}
