import { checkOptions } from '../options.ts';
import type { Device, DType, MemoryFormat } from './dtype.ts';

/** What `Tensor.to` takes. */
export interface ToOptions {
  dtype?: DType;
  device?: Device;
  memoryFormat?: MemoryFormat;
  /**
   * Do not wait for the copy when the CPU's memory is pinned. Default false. A copy to the CPU has not arrived when
   * this returns: `await cpuAsync()` instead.
   */
  nonBlocking?: boolean;
  /** Copy even when nothing changes. Default false. */
  copy?: boolean;
}

export const TO_OPTIONS = ['dtype', 'device', 'memoryFormat', 'nonBlocking', 'copy'];

const DEVICE = /^[a-z]+(:\d+)?$/;
const DEVICE_TYPES = new Set(['cpu', 'cuda', 'meta', 'mps', 'xpu', 'hpu', 'mkldnn', 'xla', 'vulkan']);

/** What a text given to `to` names: a device, or else a dtype. */
export function deviceOrDtype(text: Device | DType): { device: Device } | { dtype: DType } {
  return isDevice(text) ? { device: text } : { dtype: text as DType };
}

function isDevice(text: string): boolean {
  return DEVICE.test(text) && DEVICE_TYPES.has(text.split(':')[0] as string);
}

/** The first argument of `Tensor.to` as options. */
export function toOptions(target: Device | DType | ToOptions): ToOptions {
  if (typeof target === 'string') return deviceOrDtype(target);
  checkOptions('to', target, TO_OPTIONS);
  return target;
}
