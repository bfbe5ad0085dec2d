/** Layers and networks, with torch.nn's names. */
import { registerOwnClasses } from '../tensor/own-code.ts';
import * as activation from './activation.ts';
import * as container from './container.ts';
import * as conv from './conv.ts';
import * as linear from './linear.ts';
import * as loss from './loss.ts';
import * as norm from './norm.ts';
import * as pooling from './pooling.ts';
import * as shape from './shape.ts';

export * from './activation.ts';
export { ModuleDict, ModuleList, Sequential } from './container.ts';
export { Conv2d, type Conv2dOptions, type PaddingMode } from './conv.ts';
export type { ModuleTarget } from './convert.ts';
export * as functional from './functional.ts';
export type { ForwardHook, ForwardPreHook, HookHandle } from './hooks.ts';
export * as init from './init.ts';
export { Linear, type LinearOptions } from './linear.ts';
export type { LoadOptions, LoadResult, StateDictLike } from './load-state-dict.ts';
export { CrossEntropyLoss } from './loss.ts';
export { type LoadContext, Module } from './module.ts';
export { BatchNorm1d, BatchNorm2d, InstanceNorm2d, type NormLayerOptions } from './norm.ts';
export { Parameter } from './parameter.ts';
export {
  AdaptiveAvgPool2d,
  AdaptiveMaxPool2d,
  AvgPool2d,
  type AvgPool2dOptions,
  MaxPool2d,
  type MaxPool2dOptions,
} from './pooling.ts';
export { Dropout, Flatten, Identity } from './shape.ts';
export type { OutputSize, Reduction, Size2 } from './sizes.ts';
export { type ModuleMetadata, StateDict, StateDictError } from './state-dict.ts';
export * as utils from './utils.ts';

registerOwnClasses(activation, container, conv, linear, loss, norm, pooling, shape);
