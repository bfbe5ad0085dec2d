import type { Tensor } from '../tensor/index.ts';
import { callNorm, type FusedOptions, fusesNorms, type NormParts } from './fused-norms.ts';
import { BatchNorm2d, InstanceNorm2d } from './layers/norm.ts';
import type { NormBase } from './layers/norm-base.ts';
import type { Module } from './module/module.ts';

export { type FusedOptions, fusesNorms, type NormParts, withFusedNorms } from './fused-norms.ts';

/** Layers of both kinds say what one op has to do for them. */
interface HasNormParts {
  normParts(): NormParts;
}

const PLAIN: FusedOptions = {};

/**
 * The normalisation of (N, C, H, W) by `norm` as one call of `ibn::instance_batch_norm`, in the memory format of `x`, on
 * the device of `x`; undefined where the op does not apply, and the layers' own ops have to do it: where `fusesNorms`
 * says no, for other layers, and where hooks are registered.
 *
 * @throws RangeError for inputs with one value per channel, as the layers themselves.
 */
export function fusedNorm(x: Tensor, norm: Module, options: FusedOptions = PLAIN): Tensor | undefined {
  if (!fusesNorms(x, norm)) return undefined;
  const parts = partsOf(norm);
  if (parts === undefined || !isPlain(parts) || !isAlike(x, options.residual ?? options.addend ?? null))
    return undefined;
  const { shape } = x;
  if (shape.length !== 4 || shape[1] !== parts.channels) return undefined;
  return callNorm(x, parts, options);
}

function partsOf(norm: Module): NormParts | undefined {
  if ('normParts' in norm) return (norm as unknown as HasNormParts).normParts();
  const kind = Object.getPrototypeOf(norm);
  if (kind === InstanceNorm2d.prototype) return allBy(norm as InstanceNorm2d, norm as InstanceNorm2d, null);
  // CUDA's own batch norms are as fast.
  if (kind === BatchNorm2d.prototype && (norm as BatchNorm2d).fused)
    return allBy(norm as BatchNorm2d, null, norm as BatchNorm2d);
  return undefined;
}

function allBy(owner: NormBase, instance: NormBase | null, batch: NormBase | null): NormParts {
  const { numFeatures: channels } = owner;
  return { owner, instance, batch, start: 0, end: instance === null ? 0 : channels, channels };
}

function isAlike(x: Tensor, added: Tensor | null): boolean {
  return (
    added === null ||
    (added.dtype === x.dtype && added.device === x.device && added.shape.join() === x.shape.join())
  );
}

/** Hooks and replaced forwards expect the layers' own results; running statistics of instances are no part of the op. */
function isPlain({ owner, instance, batch }: NormParts): boolean {
  if (instance?.trackRunningStats) return false;
  return isOwn(instance, InstanceNorm2d, owner) && isOwn(batch, BatchNorm2d, owner);
}

function isOwn(norm: Module | null, layer: { prototype: Module }, owner: Module): boolean {
  if (norm === null || norm === owner) return true;
  const isLayers = Object.getPrototypeOf(norm).forward === layer.prototype.forward;
  return isLayers && norm.isOwnCode && !norm.hasHooks;
}
