import { Module } from '../nn/index.ts';
import { checkOptions } from '../options.ts';
import { type Device, emptyCpuCache, type Tensor } from '../tensor/index.ts';
import { CompiledModel } from './compiled-model.ts';
import { CompileError } from './errors.ts';
import { type BuildPlanOptions, buildPlan } from './lower.ts';
import { engineSettings, RUN_OPTIONS, type RunOptions } from './run-options.ts';

/** What `compile` takes besides the model. */
export interface CompileOptions extends Omit<BuildPlanOptions, 'ownWeights'>, RunOptions {
  /** Where the model runs. Default `cpu`, and there is no other yet. */
  device?: Device;
  /** Take any batch size. Default true; false: only that of `inputs`. */
  dynamicBatch?: boolean;
  /**
   * Keep the folded weights beside the packed ones, so that `save` can write them: as much memory again as the model's
   * weights take. Default false.
   */
  keepWeights?: boolean;
}

const OPTIONS = ['inputs', 'dtype', 'unsupported', 'device', 'dynamicBatch', 'keepWeights', ...RUN_OPTIONS];

/**
 * Compiles a network in evaluation mode for fast inference on the CPU. Its forward is traced into a plan: norms are
 * folded into convolutions or joined with them, maps lie in channels_last order in one piece of memory, and kernels of
 * this package's own run it on threads of its own, off the event loop. The model itself is not changed and not kept.
 *
 * The model's weights are read until the promise resolves and must not change before. Later changes are not seen: compile
 * it again.
 *
 * @throws CompileError where the network cannot be traced or has ops without a kernel, naming the module and line;
 *   `ERR_COMPILE_UNSUPPORTED` also for devices and dtypes that there are no kernels for.
 * @throws TypeError, RangeError on wrong options.
 * @example
 * const model = await hub.load('XingangPan/IBN-Net', 'resnet50_ibn_a', { pretrained: true });
 * const fast = await compile(model.eval(), { inputs: [[1, 3, 224, 224]] });
 * const logits = await fast.run(images); // (N, 1000)
 */
export async function compile<M extends Module>(
  model: M,
  options: CompileOptions,
): Promise<CompiledModel<ReturnType<M['forward']>>> {
  if (!(model instanceof Module)) {
    throw new TypeError(`Expected a Module for compile, got ${model === null ? 'null' : typeof model}`);
  }
  checkOptions('compile', options, OPTIONS);
  const {
    inputs,
    dtype = 'float32',
    device = 'cpu',
    dynamicBatch = true,
    keepWeights = false,
    unsupported,
  } = options;
  checkKind(device, dtype);
  engineSettings('compile', options, null);
  const own = { ownWeights: keepWeights, ...(unsupported === undefined ? {} : { unsupported }) };
  const plan = buildPlan(model, { inputs, dtype, ...own });
  const batch = dynamicBatch ? null : batchOf(inputs);
  const borrowed = new Set<Tensor>([...model.parameters(), ...model.buffers()]);
  emptyCpuCache(); // of folding
  return CompiledModel.fromPlan(plan, { ...runOptions(options), batch, keepWeights, borrowed });
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
  if (device !== 'cpu') {
    throw new CompileError(
      `Expected "cpu" for compile device, got "${device}"; there are kernels for the CPU only: run the model itself ` +
        'on other devices',
      { code: 'ERR_COMPILE_UNSUPPORTED' },
    );
  }
  if (dtype === 'float16') {
    throw new CompileError(
      'Expected "float32" or "bfloat16" for compile dtype, got "float16"; there are no kernels for it: bfloat16 takes ' +
        'as little memory',
      { code: 'ERR_COMPILE_UNSUPPORTED' },
    );
  }
}
