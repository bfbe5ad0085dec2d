import { pathOf } from '../atomic-file.ts';
import { messageOf } from '../errors.ts';
import { checkFlags, checkOptions, checkPositions } from '../options.ts';
import type { Device, Tensor } from '../tensor/index.ts';
import { CompiledModel } from './compiled-model.ts';
import type { Plan } from './cpu/plan.ts';
import { checkCudaPlan } from './cuda/check.ts';
import { cudaDevice, startCuda } from './cuda/compile.ts';
import { CUDA_OPTIONS, type CudaOptions, checkDeviceOptions, cudaSettings } from './cuda/options.ts';
import type { CudaPlan } from './cuda/plan.ts';
import { CompiledFile } from './plan-file/reader.ts';
import { tensorsOf } from './plan-tensors.ts';
import { engineSettings, RUN_OPTIONS, type RunOptions } from './run-options.ts';

/** What `loadCompiled` takes besides the path. */
export interface LoadCompiledOptions extends RunOptions, CudaOptions {
  /** For a model that was compiled for CUDA: which device. Default `cuda`, the current one. */
  device?: Device;
  /** On the CPU: keep the file's weights beside the packed ones, so that the model can be saved again. Default false. */
  keepWeights?: boolean;
}

/**
 * Reads a model that `CompiledModel.save` wrote. The file is read once, what was read is checked against its checksum
 * and the plan against its tensors before anything runs; the file may change or go meanwhile and afterwards. Kernels
 * reorder the weights again, which takes some tens of milliseconds. The event loop goes on all the while: it waits for a
 * few milliseconds at a time.
 *
 * Load only files that you trust: steps that libtorch runs (`unsupported: 'eager'`) may name any of its ops that
 * returns one tensor and writes to none.
 *
 * @throws CompiledModelError `ERR_COMPILED_FILE` when the file cannot be read, `ERR_COMPILED_CORRUPT` when it is
 *   damaged or something else, `ERR_COMPILED_VERSION` when another version wrote it.
 * @throws RangeError for a device of another kind than the model was compiled for; TorchError `ERR_CUDA_UNAVAILABLE`.
 * @example
 * const fast = await loadCompiled('resnet50_ibn_a.ibn', { threads: 4 });
 */
export async function loadCompiled<Output = Tensor>(
  path: string | URL,
  options: LoadCompiledOptions = {},
): Promise<CompiledModel<Output>> {
  checkPositions('loadCompiled', arguments, 2);
  checkOptions('loadCompiled', options, ['device', 'keepWeights', ...RUN_OPTIONS, ...CUDA_OPTIONS]);
  checkFlags('loadCompiled', { keepWeights: options.keepWeights });
  engineSettings('loadCompiled', options, null);
  cudaSettings('loadCompiled', options);
  const target = pathOf(path, 'loadCompiled');
  const file = new CompiledFile(target);
  const { plan, batch } = await file.read();
  if (isCudaPlan(plan)) return onCuda(file, plan, batch, options);
  return onCpu(file, plan, batch, options);
}

const isCudaPlan = (plan: Plan | CudaPlan): plan is CudaPlan => (plan as Partial<CudaPlan>).target === 'cuda';

async function onCpu<Output>(
  file: CompiledFile,
  plan: Plan,
  batch: number | null,
  options: LoadCompiledOptions,
): Promise<CompiledModel<Output>> {
  const { device = 'cpu', keepWeights = false } = options;
  checkDevice(device === 'cpu', device, 'the CPU', plan);
  checkDeviceOptions('loadCompiled', options, device);
  try {
    const own = { batch, keepWeights, owner: 'loadCompiled' };
    return await CompiledModel.fromPlan<Output>(plan, { ...options, ...own });
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_OUT_OF_MEMORY') throw error;
    throw file.corrupt(messageOf(error), error);
  }
}

function onCuda<Output>(
  file: CompiledFile,
  plan: CudaPlan,
  batch: number | null,
  options: LoadCompiledOptions,
): CompiledModel<Output> {
  try {
    const { device = 'cuda' } = options;
    checkDevice(/^cuda(:\d+)?$/.test(device), device, 'CUDA', plan);
    checkDeviceOptions('loadCompiled', options, device);
    file.check(() => checkCudaPlan(plan));
    const own = { device: cudaDevice(device, plan.dtype), batch, owner: 'loadCompiled' };
    return CompiledModel.fromEngine(startCuda(plan, { ...options, ...own }));
  } finally {
    // Those on the device are copies.
    for (const tensor of tensorsOf(plan)) tensor.dispose();
  }
}

function checkDevice(fits: boolean, device: Device, kind: string, plan: Plan | CudaPlan): void {
  if (fits) return;
  for (const tensor of tensorsOf(plan)) tensor.dispose();
  throw new RangeError(
    `Expected ${kind} for loadCompiled device, for which the model was compiled, got "${device}"; compile it for ` +
      'that device',
  );
}
