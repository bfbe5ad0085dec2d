import { Float } from '../attributes.ts';
import type { Converter, OnnxOp } from '../onnx-op.ts';

/** Factors of each side, where the op was given some. */
function factors(op: OnnxOp, at: number): (number | null)[] {
  if (op.op.overload === 'vec') return op.numbers(at, 2) ?? [null, null];
  return [0, 1].map((side) => op.literal<number | null>(at + side, null));
}

/** The sizes of the result, of which only the batch may vary. */
function sizes(op: OnnxOp): string {
  const { shape } = op.result;
  if (op.factors(0)[0] === 0) return op.ints(shape);
  const batch = op.emit('Shape', [op.input(0)], { start: 0, end: 1 });
  return op.emit('Concat', [batch, op.ints(shape.slice(1))], { axis: 0 });
}

/** The factor in float32, a little larger where rounded down it would make a map smaller by one. */
function scaleFor(factor: number, from: number, to: number): number {
  let scale = Math.fround(factor);
  while (Math.floor(Math.fround(scale * from)) < to || Math.floor(scale * from) < to)
    scale = Math.fround(scale * (1 + 2 ** -23));
  return scale;
}

function resized(op: OnnxOp, at: number, attributes: Record<string, string | Float | number>): string {
  if (op.rank !== 4) return op.fail('on something other than a map (N, C, H, W)');
  const given = factors(op, at);
  const isGiven = given.every((factor) => factor !== null && factor > 0);
  if (!isGiven) return op.emit('Resize', [op.input(0), '', '', sizes(op)], attributes);
  const sides = (given as number[]).map((factor, i) =>
    scaleFor(factor, op.shape(0)[i + 2] as number, op.result.shape[i + 2] as number),
  );
  const scales = op.graph.numbers([1, 1, ...sides], 'float32');
  return op.emit('Resize', [op.input(0), '', scales], attributes);
}

const coordinates = (alignCorners: boolean) => ({
  coordinate_transformation_mode: alignCorners ? 'align_corners' : 'half_pixel',
});

/** Between four pixels. Corners on corners have no scale of their own. */
export const bilinear: Converter = (op) => {
  const alignCorners = op.literal(2, false);
  return resized(op, 3, { mode: 'linear', ...coordinates(alignCorners) });
};

/** Between sixteen. */
export const bicubic: Converter = (op) =>
  resized(op, 3, { mode: 'cubic', ...coordinates(op.literal(2, false)), cubic_coeff_a: new Float(-0.75) });

/** libtorch's pixel of the input for each of the output, in float32. */
function pixels(from: number, to: number, factor: number | null, exact: boolean): number[] {
  const scale = Math.fround(factor !== null && factor > 0 ? 1 / factor : from / to);
  return Array.from({ length: to }, (_, i) => {
    const at = Math.floor(Math.fround((exact ? i + 0.5 : i) * scale));
    return Math.min(at, from - 1);
  });
}

/** The same as a runtime would round it: by whole factors up, or whole steps down. */
const isPlain = (from: number, to: number): boolean => to % from === 0 || from % to === 0;

/**
 * One pixel each. Where factors are no whole numbers, runtimes round in other ways than libtorch, so the pixels are
 * named one by one.
 */
export const nearest =
  (exact: boolean): Converter =>
  (op) => {
    if (op.rank !== 4) return op.fail('on something other than a map (N, C, H, W)');
    const [from, to] = [op.shape(0).slice(2), op.result.shape.slice(2)] as [number[], number[]];
    const given = factors(op, 2);
    if (given.every((factor) => factor === null) && from.every((size, i) => isPlain(size, to[i] as number)))
      return plain(op, exact);
    return [0, 1].reduce((x, side) => {
      const indices = pixels(from[side] as number, to[side] as number, given[side] ?? null, exact);
      return op.emit('Gather', [x, op.ints(indices)], { axis: side + 2 });
    }, op.input(0));
  };

function plain(op: OnnxOp, exact: boolean): string {
  return op.emit('Resize', [op.input(0), '', '', sizes(op)], {
    mode: 'nearest',
    coordinate_transformation_mode: exact ? 'half_pixel' : 'asymmetric',
    nearest_mode: exact ? 'round_prefer_ceil' : 'floor',
  });
}
