import { Generator, ops, randperm, scope, type Tensor } from '../../tensor/index.ts';
import type { Retrieval } from './input.ts';

/** Identities that get a colour of their own. */
const COLOURED = 7;

/** An image's place in the plane. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly identity: string;
  readonly camera: string;
}

/** Gallery images in the plane, and which part of the spread it shows. */
export interface Embedding {
  readonly places: readonly Place[];
  /** Of the variance, from 0 to 1. */
  readonly shown: number;
  readonly identities: readonly string[];
}

/**
 * Images of the identities that the gallery has most of, in the plane of their features' two principal components; features
 * have length 1 first.
 */
export function embeddingOf({ gallery }: Retrieval, most: number, seed: number): Embedding {
  const identities = commonest(gallery.idNames, COLOURED);
  const wanted = new Set(identities);
  const rows = drawn(
    [...gallery.idNames.keys()].filter((row) => wanted.has(gallery.idNames[row] as string)),
    most,
    seed,
  );
  return scope(() => {
    const index = ops.aten.stack(
      rows.map((row) => ops.aten.full([], row, { dtype: 'int64' })),
      0,
    );
    const { points, shown } = plane(gallery.features.indexSelect(0, index));
    const places = rows.map((row, at) => ({
      x: points[at]?.[0] as number,
      y: points[at]?.[1] as number,
      identity: gallery.idNames[row] as string,
      camera: gallery.cameraNames[row] as string,
    }));
    return { places, shown, identities };
  });
}

function commonest(labels: readonly string[], count: number): string[] {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  return sorted.slice(0, count).map(([label]) => label);
}

function drawn(rows: readonly number[], most: number, seed: number): number[] {
  if (rows.length <= most) return [...rows];
  return scope(() => {
    const order = randperm(rows.length, { generator: new Generator().manualSeed(seed) });
    return Array.from(order.data() as BigInt64Array, (at) => rows[Number(at)] as number).slice(0, most);
  });
}

function plane(features: Tensor): { points: number[][]; shown: number } {
  const unit = ops.aten.div(features, features.norm(2, 1, true).clampMin(1e-12)).to('float64');
  const centred = unit.sub(unit.mean(0));
  const [left, values] = ops.aten.linalg_svd(centred, false) as [Tensor, Tensor, Tensor];
  const squares = values.square().toArray() as number[];
  const total = squares.reduce((a, b) => a + b, 0);
  const pair = Math.min(2, squares.length);
  const points = left
    .narrow(1, 0, pair)
    .mul(values.narrow(0, 0, pair))
    .toArray() as number[][];
  return {
    points: points.map((point) => [point[0] ?? 0, point[1] ?? 0]),
    shown: total === 0 ? 1 : ((squares[0] ?? 0) + (squares[1] ?? 0)) / total,
  };
}
