import { scope, tensor } from '../../tensor/index.ts';
import { scaleChannels } from './affine.ts';
import {
  type ConvNode,
  type Graph,
  type Int8,
  type LinearNode,
  moduleOf,
  type Quantized,
  sorted,
} from './graph.ts';

/** The least and the largest of what a map or vector holds. */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

/** What may be computed with integers. */
export type Layer = ConvNode | LinearNode;

/** A sum of 32 bits holds so many products of bytes, and some more: `kMostInt8Products` of native/kernels/kernels.h. */
const MOST_PRODUCTS = 65_000;
const MOST_WEIGHT = 127;
const LEVELS = 255;

/** The convolutions and linear layers in the order in which they run. */
export const layersOf = (graph: Graph): Layer[] =>
  sorted(graph).filter((node): node is Layer => node.op === 'conv' || node.op === 'linear');

/** The largest magnitude of a layer's weights, by which a quantization knows them. */
export const largestWeight = (layer: Layer): number => scope(() => layer.weight.abs().max().item() as number);

/** Whether there is a kernel of integers for the layer. */
export function hasInt8Kernel(layer: Layer): boolean {
  const products = layer.weight.numel() / (layer.weight.shape[0] as number);
  if (products > MOST_PRODUCTS) return false;
  return layer.op === 'conv' ? layer.groups === 1 : layer.activation !== 'sigmoid';
}

/** Scale and zero point for a range; zero, which pads maps, is one of the values. */
export function quantizedOf({ min, max }: ValueRange): Quantized {
  const [least, most] = [Math.min(0, min), Math.max(0, max)];
  const scale = Math.fround((most - least) / LEVELS);
  // Too narrow for float32's normal numbers: all of it is zero.
  if (scale < 1e-30) return { scale: 1, zeroPoint: 0 };
  return { scale, zeroPoint: Math.min(LEVELS, Math.round(-least / scale)) };
}

/** The weights of a layer as integers, symmetric, with a scale for each output channel. */
export function int8Of(layer: Layer, input: Quantized): Int8 {
  return scope(() => {
    const { weight, weightScale } =
      layer.op === 'conv' ? layer : { weight: layer.weight, weightScale: undefined };
    const full = weightScale === undefined ? weight.to('float32') : scaleChannels(weight, weightScale);
    const rows = full.reshape([full.shape[0] as number, -1]);
    const largest = rows.abs().amax([1]).data() as Float32Array;
    if (!largest.every(Number.isFinite)) {
      throw new RangeError(
        `Expected finite weights of "${moduleOf(layer)}" for compile quantization, got NaN or an infinity`,
      );
    }
    const scales = tensor(Float32Array.from(largest, (value) => (value > 0 ? value / MOST_WEIGHT : 1)));
    const int8 = rows.div(scales.unsqueeze(1)).round().clamp(-MOST_WEIGHT, MOST_WEIGHT).to('int8');
    return { weight: int8.reshape(weight.shape).contiguous(), weightScale: scales, input };
  });
}
