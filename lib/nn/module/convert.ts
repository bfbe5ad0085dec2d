import { checkOptions } from '../../options.ts';
import { type Device, type DType, keep, type MemoryFormat, noGrad, type Tensor } from '../../tensor/index.ts';
import { deviceOrDtype } from '../../tensor/to-options.ts';
import type { Module } from './module.ts';

/** Where and as what `Module.to` puts tensors. */
export interface ModuleTarget {
  device?: Device;
  /** Applies to floating-point tensors only; int64 counters stay as they are. */
  dtype?: DType;
  /** Applies to four-dimensional tensors only. */
  memoryFormat?: MemoryFormat;
  /** Do not wait for copies out of page-locked memory. Default false. */
  nonBlocking?: boolean;
}

const FLOATING = /^(float|bfloat|complex)/;

function readTarget(target: Device | DType | ModuleTarget): ModuleTarget {
  if (typeof target === 'string') return deviceOrDtype(target);
  checkOptions('Module.to', target, ['device', 'dtype', 'memoryFormat', 'nonBlocking']);
  return target;
}

/** Moves and converts every parameter, gradient and buffer of `module` in place. */
export function convertTensors(module: Module, target: Device | DType | ModuleTarget): void {
  const { device, dtype, memoryFormat, nonBlocking } = readTarget(target);
  if (dtype !== undefined && !FLOATING.test(dtype)) {
    throw new RangeError(
      `Expected a device, or a floating-point or complex dtype, for Module.to, got "${dtype}"`,
    );
  }
  const convert = (tensor: Tensor): Tensor =>
    tensor.to({
      ...(device === undefined ? {} : { device }),
      ...(dtype === undefined || !FLOATING.test(tensor.dtype) ? {} : { dtype }),
      ...(memoryFormat === undefined || tensor.dim() !== 4 ? {} : { memoryFormat }),
      ...(nonBlocking === undefined ? {} : { nonBlocking }),
    });
  noGrad(() => {
    for (const [, parameter] of module.namedParameters()) convertParameter(parameter, convert);
    const done = new Map<Tensor, Tensor>();
    for (const owner of module.modules()) convertBuffers(owner, convert, done);
  });
}

/** The Parameter object stays, so that optimizers and other owners keep pointing at it. */
function convertParameter(parameter: Tensor, convert: (tensor: Tensor) => Tensor): void {
  const gradient = parameter.grad;
  parameter.setData(convert(parameter.detach()));
  if (gradient !== null) parameter.grad = convert(gradient);
}

function convertBuffers(owner: Module, convert: (tensor: Tensor) => Tensor, done: Map<Tensor, Tensor>): void {
  for (const [name, buffer] of owner.ownBuffers()) {
    const converted = done.get(buffer) ?? keep(convert(buffer));
    done.set(buffer, converted);
    (owner as unknown as Record<string, unknown>)[name] = converted;
  }
}
