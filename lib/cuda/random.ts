import type { Handle } from '../binding.ts';
import { unwrap } from '../ops/index.ts';
import { Tensor } from '../tensor/index.ts';
import { native as whole } from '../tensor/native.ts';
import { type CudaDevice, deviceCount, deviceNumber, isAvailable } from './device.ts';
import { native } from './native.ts';

const generatorOf = (device: CudaDevice | undefined): Handle =>
  native.cudaDefaultGenerator(deviceNumber(device));

/** Seeds the current device. Without CUDA nothing happens, as in torch; `manualSeed` of the package seeds all. */
export function manualSeed(seed: number | bigint): void {
  if (isAvailable()) whole.generatorSeed(generatorOf(undefined), seed);
}

/** Seeds every device. Without CUDA nothing happens, as in torch. */
export function manualSeedAll(seed: number | bigint): void {
  for (let i = 0; i < deviceCount(); i++) whole.generatorSeed(generatorOf(i), seed);
}

/** The seed of a device's generator. Default: the current device. */
export function initialSeed(device?: CudaDevice): bigint {
  return whole.initialSeed(generatorOf(device));
}

/** The state of a device's generator: a uint8 tensor on the CPU. Default: the current device. */
export function getRngState(device?: CudaDevice): Tensor {
  return new Tensor(whole.generatorState(generatorOf(device)));
}

/** The states of all devices. */
export function getRngStateAll(): Tensor[] {
  return Array.from({ length: deviceCount() }, (_, i) => getRngState(i));
}

/** Puts back a state that `getRngState` gave. Default: the current device. */
export function setRngState(state: Tensor, device?: CudaDevice): void {
  whole.setGeneratorState(generatorOf(device), unwrap(state));
}

/** Puts back what `getRngStateAll` gave. */
export function setRngStateAll(states: readonly Tensor[]): void {
  for (const [i, state] of states.entries()) setRngState(state, i);
}
