import { channelsOf, type Node, type NormNode } from './graph.ts';
import type { OpReader } from './op-reader.ts';

/** `x * scale + shift` for each channel. */
export function affineNode(op: OpReader, input: Node, scale: Float64Array, shift: Float64Array): NormNode {
  const parts = [{ kind: 'constant', channels: channelsOf(input), affine: { scale, shift } }] as const;
  return op.make<NormNode>({ op: 'norm', norm: { module: op.op.site.module, parts } }, [input], input.shape);
}
