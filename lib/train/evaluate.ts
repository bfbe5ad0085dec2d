import { Module } from '../nn/index.ts';
import {
  checkAsyncIterable,
  checkFunction,
  checkOptions,
  checkPositions,
  checkText,
  describeValue,
} from '../options.ts';
import { type Device, inferenceMode, scope, Tensor } from '../tensor/index.ts';

/** What `evaluate` runs: a module, or a model of `compile()`, or anything that gives outputs for a batch. */
export type Evaluated<Output> =
  | (Module & { forward(batch: Tensor): Output })
  | { run(batch: Tensor): Promise<Output> };

/** What `evaluate` fills: `train.ClassificationMetrics`, or one of your own. */
export interface Metrics<Output, Target> {
  update(output: Output, target: Target): void;
}

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** Where a module computes: batches are moved there. Default where they are. */
  device?: Device;
  /** Called when the metrics have taken a batch. */
  onBatch?: (progress: EvaluateProgress) => void;
}

/** How far an evaluation is. */
export interface EvaluateProgress {
  readonly batches: number;
  readonly samples: number;
  readonly seconds: number;
}

/** Batches given to a compiled model before the outputs of the first are waited for: it never lacks work. */
const UNDER_WAY = 2;

/**
 * Runs a model over batches and gives outputs and targets to metrics. A module is in evaluation mode meanwhile, and in
 * its former mode afterwards. Batches and outputs are disposed.
 *
 * @param batches pairs of inputs (N, ...) and targets, as a `DataLoader` gives them
 * @example
 * const pairs = new TensorDataset(randn([8, 4]), randint(0, 10, [8]));
 * const metrics = new train.ClassificationMetrics(10);
 * await train.evaluate(new nn.Linear(4, 10), new DataLoader(pairs, { batchSize: 4 }), metrics);
 * metrics.summary().samples; // 8
 */
export async function evaluate<Output extends Tensor | readonly Tensor[], Target>(
  model: Evaluated<Output>,
  batches: AsyncIterable<readonly [Tensor, Target]> | Iterable<readonly [Tensor, Target]>,
  metrics: Metrics<Output, Target>,
  options: EvaluateOptions = {},
): Promise<EvaluateProgress> {
  checkPositions('evaluate', arguments, 4);
  checkOptions('evaluate', options, ['device', 'onBatch']);
  const run = runnerOf(model, options.device);
  checkAsyncIterable('evaluate argument "batches"', 'an iterable of batches', batches);
  if (typeof (metrics as { update?: unknown } | null | undefined)?.update !== 'function')
    throw new TypeError(`Expected metrics with an update() for evaluate, got ${describeValue(metrics)}`);
  if (options.onBatch !== undefined) checkFunction('evaluate onBatch', options.onBatch);
  checkDeviceOption(options.device);
  const restore = evaluationMode(model);
  const began = performance.now();
  let progress = { batches: 0, samples: 0, seconds: 0 };
  const finish = async ({ output, target, samples }: Running<Output, Target>) => {
    const result = await output;
    try {
      metrics.update(result, target);
    } finally {
      disposeAll(result, target);
    }
    const seconds = (performance.now() - began) / 1000;
    progress = { batches: progress.batches + 1, samples: progress.samples + samples, seconds };
    options.onBatch?.(progress);
  };
  const running: Running<Output, Target>[] = [];
  try {
    for await (const batch of batches) {
      const [inputs, target] = pairOf(batch);
      const samples = inputs.shape[0] ?? 0;
      const output = run(inputs);
      output.catch(() => {}); // it is awaited later, or never where an earlier one fails
      inputs.dispose();
      running.push({ output, target, samples });
      if (running.length > UNDER_WAY) await finish(running.shift() as Running<Output, Target>);
    }
    while (running.length > 0) await finish(running.shift() as Running<Output, Target>);
    return progress;
  } finally {
    restore();
    for (const { output, target } of running)
      output.then(
        (result) => disposeAll(result, target),
        () => {},
      );
  }
}

interface Running<Output, Target> {
  readonly output: Promise<Output>;
  readonly target: Target;
  readonly samples: number;
}

function checkDeviceOption(device: unknown): void {
  if (device === undefined) return;
  checkText('evaluate device', 'a device such as "cpu"', device);
}

function pairOf<Target>(batch: readonly [Tensor, Target]): readonly [Tensor, Target] {
  if (Array.isArray(batch) && batch[0] instanceof Tensor) return batch;
  throw new TypeError(
    `Expected batches [inputs, target] that begin with a Tensor for evaluate, got ${describeValue(batch)}`,
  );
}

function runnerOf<Output>(
  model: Evaluated<Output>,
  device: Device | undefined,
): (batch: Tensor) => Promise<Output> {
  if (model instanceof Module) {
    return async (batch) =>
      scope(() => inferenceMode(() => model.forward(device === undefined ? batch : batch.to(device))));
  }
  if (typeof (model as { run?: unknown } | null)?.run !== 'function') {
    throw new TypeError(`Expected a Module or a compiled model for evaluate, got ${describeValue(model)}`);
  }
  return (batch) => model.run(batch);
}

/** Gives what sets every module's mode back. */
function evaluationMode<Output>(model: Evaluated<Output>): () => void {
  if (!(model instanceof Module)) return () => {};
  const training = [...model.modules()].filter((module) => module.training);
  model.eval();
  return () => {
    for (const module of training) module.training = true;
  };
}

function disposeAll(...values: unknown[]): void {
  for (const value of values.flat()) if (value instanceof Tensor) value.dispose();
}
