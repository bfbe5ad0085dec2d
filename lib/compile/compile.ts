import { Module } from '../nn/index.ts';
import { checkFlags, checkOptions, checkPositions } from '../options.ts';
import type { Device, DType, Tensor } from '../tensor/index.ts';
import { CompiledModel } from './compiled-model.ts';
import { CpuEngine } from './cpu/engine.ts';
import { buildRecorded, type Finish } from './cpu/lower.ts';
import { withPinned } from './cpu/pinned.ts';
import { quantizeGraph } from './cpu/quantize-graph.ts';
import { Recording } from './cpu/recording.ts';
import { compileCuda } from './cuda/compile.ts';
import { CUDA_OPTIONS, type CudaOptions, checkDeviceOptions, cudaSettings } from './cuda/options.ts';
import type { CudaDType } from './cuda/plan.ts';
import { CompileError } from './errors.ts';
import { type ExampleInput, type ExampleKind, shapesOf } from './example-inputs.ts';
import { type BuildPlanOptions, checkPlanOptions } from './plan-options.ts';
import { checkQuantization, type Quantization } from './quantization.ts';
import { engineSettings, RUN_OPTIONS, type RunOptions } from './run-options.ts';

/** What `compile` takes besides the model. */
export interface CompileOptions
  extends Omit<BuildPlanOptions, 'ownWeights' | 'dtype' | 'inputs'>,
    RunOptions,
    CudaOptions {
  /**
   * The inputs as shapes (N, C, H, W) or as tensors that `run` would take, mixed as one likes: of a tensor the shape counts,
   * not its numbers. A compiled model takes every N.
   */
  inputs: readonly ExampleInput[];
  /** Where the model runs: `cpu` (default), `cuda` for the current device, or `cuda:1`. */
  device?: Device;
  /** What maps are kept and multiplied in. Default float32. float16 on CUDA only. */
  dtype?: CudaDType;
  /**
   * Compute with integers of 8 bits, on the CPU: what `quantize` gives for this network. The rest of it is float32. Without:
   * nothing is quantised.
   */
  quantization?: Quantization;
  /** Take any batch size. Default true; false: only that of `inputs`. */
  dynamicBatch?: boolean;
  /**
   * On the CPU: keep the folded weights beside the packed ones, so that `save` can write them: as much memory again as
   * the model's weights take. Default false.
   */
  keepWeights?: boolean;
  /**
   * On the CPU: keep the model and what was recorded of it, so that `refold` can take its weights and statistics in again.
   * Default false.
   */
  refoldable?: boolean;
}

const OPTIONS = [
  ...[
    'inputs',
    'dtype',
    'unsupported',
    'device',
    'dynamicBatch',
    'keepWeights',
    'refoldable',
    'quantization',
  ],
  ...RUN_OPTIONS,
  ...CUDA_OPTIONS,
];

/**
 * Compiles a network in evaluation mode for fast inference. Its forward is traced into a plan; norms are folded into
 * convolutions or joined with what is around them. The model itself is not changed, and not kept but for `refoldable`.
 *
 * On the CPU maps lie in channels_last order in one piece of memory, and kernels of this package's own run it on
 * threads of its own, off the event loop. On CUDA cuDNN's fused convolutions and the fused norm are recorded as one
 * graph for each batch size; `inputs` is recorded at once.
 *
 * The forward has run when the call returns; the rest is done in parts of some milliseconds, between which the event loop
 * goes on. The model's weights are read until the promise resolves and must not change before. Later changes are not
 * seen: compile it again, or `refold` what is `refoldable`.
 *
 * @throws CompileError where the network cannot be traced or has ops without a kernel, naming the module and line;
 *   `ERR_COMPILE_UNSUPPORTED` also for devices and dtypes that there are no kernels for.
 * @throws TypeError, RangeError on wrong options.
 * @throws TorchError `ERR_CUDA_UNAVAILABLE` for `cuda` without a device, `ERR_CUDA_GRAPHS_UNAVAILABLE` without the library for
 *   graphs; CudaOutOfMemoryError.
 * @example
 * const model = await hub.load('XingangPan/IBN-Net', 'resnet50_ibn_a', { pretrained: true });
 * const fast = await compile(model.eval(), { inputs: [[1, 3, 224, 224]] });
 * const logits = await fast.run(images); // (N, 1000)
 */
export async function compile<M extends Module>(
  model: M,
  options: CompileOptions,
): Promise<CompiledModel<ReturnType<M['forward']>>> {
  checkPositions('compile', arguments, 2);
  if (!(model instanceof Module)) {
    throw new TypeError(`Expected a Module for compile, got ${model === null ? 'null' : typeof model}`);
  }
  checkOptions('compile', options, OPTIONS);
  const { device = 'cpu', dtype = 'float32', dynamicBatch, keepWeights, refoldable } = options;
  checkFlags('compile', { dynamicBatch, keepWeights, refoldable });
  checkKind(device, dtype);
  if (options.quantization !== undefined) checkInt8(options, device, dtype);
  checkDeviceOptions('compile', options, device);
  const shaped = { ...options, inputs: shapesOf(options.inputs, exampleKind(device, dtype)) };
  return device === 'cpu' ? onCpu(model, shaped) : onCuda(model, shaped, device, dtype);
}

/** Options whose inputs are shapes. */
type ShapedOptions = CompileOptions & Pick<BuildPlanOptions, 'inputs'>;

/** What `run` will take. */
const exampleKind = (device: Device, dtype: CudaDType): ExampleKind =>
  device === 'cpu'
    ? { owner: 'compile', dtypes: ['float32'], devices: ['cpu'] }
    : { owner: 'compile', dtypes: [...new Set<DType>(['float32', dtype])], devices: ['cpu', device] };

async function onCpu<Output>(model: Module, options: ShapedOptions): Promise<CompiledModel<Output>> {
  engineSettings('compile', options, null);
  const recording = new Recording(model, options.inputs);
  const isKept = options.refoldable === true;
  const start = () => startOnCpu(recording, options);
  try {
    return CompiledModel.fromEngine<Output>(await start(), isKept ? start : undefined);
  } catch (error) {
    recording.dispose();
    throw error;
  } finally {
    if (!isKept) recording.dispose();
  }
}

/** Folds and packs the weights as they are now. */
async function startOnCpu(recording: Recording, options: ShapedOptions): Promise<CpuEngine> {
  const { inputs, dynamicBatch = true, keepWeights = false, unsupported } = options;
  const dtype = (options.dtype ?? 'float32') as NonNullable<BuildPlanOptions['dtype']>;
  const own = { ownWeights: keepWeights, ...(unsupported === undefined ? {} : { unsupported }) };
  const { model } = recording;
  const borrowed = new Set<Tensor>([...model.parameters(), ...model.buffers()]);
  return withPinned(borrowed, async () => {
    const plan = await buildRecorded(recording, { inputs, dtype, ...own }, finishOf(options.quantization));
    const batch = dynamicBatch ? null : batchOf(inputs);
    return CpuEngine.start(plan, { ...runOptions(options), batch, keepWeights, borrowed });
  });
}

function finishOf(quantization: Quantization | undefined): Finish | undefined {
  return quantization === undefined ? undefined : (graph) => quantizeGraph(graph, quantization);
}

function checkInt8({ quantization, refoldable }: CompileOptions, device: string, dtype: string): void {
  if (device !== 'cpu') {
    throw new CompileError(
      `Expected "cpu" for compile device with a quantization, got "${device}"; kernels of integers are for the CPU: ` +
        'leave the quantization out, dtype float16 is quick there',
      { code: 'ERR_COMPILE_UNSUPPORTED' },
    );
  }
  if (dtype !== 'float32') {
    throw new RangeError(
      `Expected "float32" for compile dtype with a quantization, got "${dtype}"; what is not quantised is float32`,
    );
  }
  if (refoldable === true) {
    throw new RangeError(
      'Expected no refoldable with a quantization for compile, got true; ranges of activations are those of the weights ' +
        'that were calibrated: call quantize() again',
    );
  }
  checkQuantization('compile', quantization as Quantization);
}

function onCuda<Output>(
  model: Module,
  options: ShapedOptions,
  device: Device,
  dtype: CudaDType,
): CompiledModel<Output> {
  if (options.refoldable)
    throw new CompileError(
      `Expected no refoldable for compile on "${device}", got true; compile the model again for its new weights`,
      { code: 'ERR_COMPILE_UNSUPPORTED' },
    );
  const { inputs, dynamicBatch = true, unsupported = 'error' } = options;
  cudaSettings('compile', options);
  checkPlanOptions({ inputs, unsupported });
  const batch = dynamicBatch ? null : batchOf(inputs);
  const { maxQueue, maxGraphs, cudnnBenchmark } = options;
  const own = { ...given({ maxQueue, maxGraphs, cudnnBenchmark }), device, batch, owner: 'compile' };
  return CompiledModel.fromEngine(compileCuda(model, { inputs, unsupported, dtype }, own));
}

function given<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> };
}

function runOptions(options: CompileOptions): RunOptions {
  return Object.fromEntries(RUN_OPTIONS.map((key) => [key, options[key]]));
}

function batchOf(inputs: BuildPlanOptions['inputs']): number {
  const batches = new Set(inputs.map((shape) => shape[0] as number));
  if (batches.size === 1) return [...batches][0] as number;
  throw new RangeError(
    `Expected one batch size in compile inputs with dynamicBatch: false, got ${[...batches].join(' and ')}`,
  );
}

/** Never silently another device or dtype. */
function checkKind(device: string, dtype: string): void {
  const isCuda = /^cuda(:\d+)?$/.test(device);
  if (device !== 'cpu' && !isCuda) {
    throw new CompileError(
      `Expected "cpu", "cuda" or "cuda:0" for compile device, got "${device}"; run the model itself on other devices`,
      { code: 'ERR_COMPILE_UNSUPPORTED' },
    );
  }
  const known = isCuda ? ['float32', 'float16', 'bfloat16'] : ['float32', 'bfloat16'];
  if (known.includes(dtype)) return;
  const names = known.map((name) => `"${name}"`).join(' or ');
  const message = `Expected ${names} for compile dtype, got "${dtype}"`;
  if (dtype !== 'float16') throw new RangeError(message);
  throw new CompileError(
    `${message}; there are no kernels for it on the CPU: bfloat16 takes as little memory`,
    { code: 'ERR_COMPILE_UNSUPPORTED' },
  );
}
