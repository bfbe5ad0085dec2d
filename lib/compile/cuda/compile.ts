import { currentDevice, deviceNumber, getDeviceCapability, requireCuda } from '../../cuda/device.ts';
import { CUDAGraph } from '../../cuda/graph.ts';
import type { Module } from '../../nn/index.ts';
import { type Device, scope } from '../../tensor/index.ts';
import { CompileError } from '../errors.ts';
import type { RunOptions } from '../run-options.ts';
import { DeviceRuntime } from './device-runtime.ts';
import { CudaEngine } from './engine.ts';
import { buildCudaPlan, type CudaPlanOptions } from './lower.ts';
import { type CudaOptions, cudaSettings } from './options.ts';
import type { CudaDType, CudaPlan } from './plan.ts';

/** What a model on CUDA is started with besides a plan. */
export interface StartOptions extends CudaOptions, RunOptions {
  device: Device;
  /** The only batch size that `run` takes, or null. */
  batch: number | null;
  /** Names the function in messages. */
  owner: string;
}

/**
 * The device with its number.
 *
 * @throws TorchError `ERR_CUDA_UNAVAILABLE`, `ERR_CUDA_GRAPHS_UNAVAILABLE`; RangeError when there is no such device; CompileError where it does not
 *   compute in `dtype`.
 */
export function cudaDevice(device: Device, dtype: CudaDType): Device {
  requireCuda();
  // Throws where graphs cannot be had, before any work is done.
  void new CUDAGraph();
  const number = deviceNumber(device) ?? currentDevice();
  const [major, minor] = getDeviceCapability(number);
  if (dtype === 'bfloat16' && major < 8) {
    throw new CompileError(
      `Expected "float32" or "float16" for compile dtype on a GPU of compute capability ${major}.${minor}, got ` +
        '"bfloat16"; 8.0 and up compute in it',
      { code: 'ERR_COMPILE_UNSUPPORTED' },
    );
  }
  return `cuda:${number}`;
}

/** Puts a plan on a device. */
export function startCuda(plan: CudaPlan, options: StartOptions): CudaEngine {
  const { device, batch, owner } = options;
  return new CudaEngine(plan, new DeviceRuntime(device), cudaSettings(owner, options), batch);
}

/** Compiles a network for CUDA and records it for the batch size of `inputs`. */
export function compileCuda(model: Module, planned: CudaPlanOptions, options: StartOptions): CudaEngine {
  const device = cudaDevice(options.device, planned.dtype);
  const engine = scope(() => startCuda(buildCudaPlan(model, planned), { ...options, device }));
  try {
    engine.prepare(planned.inputs[0]?.[0] as number);
  } catch (error) {
    engine.dispose();
    throw error;
  }
  return engine;
}
