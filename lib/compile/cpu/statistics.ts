import {
  type ConvNode,
  channelsOf,
  inputOf,
  type MeanNode,
  type Node,
  type Norm,
  type NormPart,
  operand,
} from '../graph/graph.ts';

/** Channels `from` to `from + count` of what a node writes. */
export interface Piece {
  node: Node;
  from: number;
  count: number;
}

/** The nodes that write a range of channels of `node`, in order. */
export function piecesOf(node: Node, from: number, count: number): Piece[] {
  if (node.op === 'slice') return piecesOf(inputOf(node), node.from + from, count);
  if (node.op !== 'cat') return [{ node, from, count }];
  const pieces: Piece[] = [];
  let start = 0;
  for (const input of node.inputs) {
    const first = Math.max(from, start);
    const end = Math.min(from + count, start + channelsOf(input));
    if (first < end) pieces.push(...piecesOf(input, first - start, end - first));
    start += channelsOf(input);
  }
  return pieces;
}

/** A copy has the statistics of what it copies, which convolutions give; else that may be overwritten by then. */
function origins(piece: Piece): Piece[] {
  if (piece.node.op !== 'copy') return [piece];
  const pieces = piecesOf(inputOf(piece.node), piece.from, piece.count).flatMap(origins);
  return pieces.every(({ node }) => givesStatistics(node)) ? pieces : [piece];
}

/** An instance-normalised range of a norm's channels, and where its statistics come from. */
export interface InstanceRange extends Piece {
  /** First channel of the norm. */
  channel: number;
  /** Index of the norm's part, and the first channel within it. */
  part: number;
  within: number;
}

type Instance = Extract<NormPart, { kind: 'instance' }>;

/** Groups may lie across the pieces of a map, whose statistics are then those of the whole. */
function sourcesOf(part: Instance, source: Node, from: number): Piece[] {
  const pieces = piecesOf(source, from, part.channels).flatMap(origins);
  const isWhole = part.groups !== undefined && pieces.length > 1;
  return isWhole ? [{ node: source, from, count: part.channels }] : pieces;
}

/** What an instance normalisation of `source` needs, piece by piece. */
export function instanceRanges(norm: Norm, source: Node): InstanceRange[] {
  const ranges: InstanceRange[] = [];
  let channel = 0;
  for (const [index, part] of norm.parts.entries()) {
    let within = 0;
    if (part.kind === 'instance') {
      for (const piece of sourcesOf(part, source, channel)) {
        ranges.push({ ...piece, channel: channel + within, part: index, within });
        within += piece.count;
      }
    }
    channel += part.channels;
  }
  return ranges;
}

/** Channels of a node whose statistics some normalisation needs. */
export interface Need {
  from: number;
  to: number;
}

/** For every node, the channels whose statistics are needed. */
export function statisticsNeeds(order: readonly Node[]): Map<Node, Need> {
  const needs = new Map<Node, Need>();
  for (const reader of order) {
    const norm = 'prologue' in reader ? reader.prologue?.norm : undefined;
    if (!norm) continue;
    for (const { node, from, count } of instanceRanges(norm, operand(reader, 'input') as Node)) {
      const need = needs.get(node);
      const [first, end] = [need?.from ?? from, need?.to ?? from + count];
      needs.set(node, { from: Math.min(first, from), to: Math.max(end, from + count) });
    }
  }
  return needs;
}

/** Convolutions give statistics of what they write, where no relu comes after. */
export const givesStatistics = (node: Node): node is ConvNode => node.op === 'conv' && !node.relu;

/** Means over maps that the convolution which writes the map can give. */
export function meansOfConvolutions(order: readonly Node[]): Map<Node, MeanNode[]> {
  const means = new Map<Node, MeanNode[]>();
  for (const node of order) {
    if (node.op !== 'mean' || node.prologue !== null || !givesStatistics(inputOf(node))) continue;
    means.set(inputOf(node), [...(means.get(inputOf(node)) ?? []), node]);
  }
  return means;
}
