import type { DistributedBinding } from '../binding.ts';
import { native as whole } from '../tensor/native.ts';

export type { CollectiveRequest, DistributedBinding, Handle } from '../binding.ts';

/** The part of the native module that knows other processes. */
export const native: DistributedBinding = whole;
