import type { DeviceBinding } from '../binding.ts';
import { native as whole } from '../tensor/native.ts';

export type { CudaDeviceProperties } from '../binding.ts';

/** The part of the native module that knows devices. */
export const native: DeviceBinding = whole;
