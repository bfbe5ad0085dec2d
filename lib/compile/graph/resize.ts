import { isMap, type ResizeNode } from './graph.ts';
import type { Importer } from './layers.ts';
import { type OpReader, Unsupported } from './op-reader.ts';

type Mode = ResizeNode['mode'];

/** A factor of each side, where the op was given some: of `scale_factors` in one list, or one for each side. */
function factors(op: OpReader, at: number): (number | null)[] | undefined {
  if (op.op.overload !== 'vec') return [0, 1].map((side) => op.literal<number | null>(at + side, null));
  const given = op.arg(at);
  if (given === undefined || (given.kind === 'literal' && given.value == null)) return [null, null];
  return op.pair(at, []);
}

/** Pixels of the input for one of the output, as `area_pixel_compute_scale` of libtorch 2.13 in float32. */
function scaleOf(from: number, to: number, factor: number | null, alignCorners: boolean): number {
  if (alignCorners) return to > 1 ? Math.fround((from - 1) / (to - 1)) : 0;
  return Math.fround(factor !== null && factor > 0 ? 1 / factor : from / to);
}

function resizeNode(op: OpReader, mode: Mode, alignCorners: boolean, factorsAt: number) {
  const [known, given] = [op.known(0), factors(op, factorsAt)];
  if (known === undefined || known.shape.length !== 4)
    return new Unsupported('on something other than a map (N, C, H, W)');
  if (given === undefined) return new Unsupported('with such factors');
  const [, , height = 0, width = 0] = known.shape;
  const vector = height === 1 && width === 1 ? op.vector(known) : undefined;
  if (vector !== undefined) return vector;
  const input = op.mapOf(known);
  if (input === undefined || !isMap(input)) return new Unsupported('on such a value');
  const [rows = 0, columns = 0] = op.resultShape.slice(2);
  const scale: [number, number] = [
    scaleOf(height, rows, given[0] ?? null, alignCorners),
    scaleOf(width, columns, given[1] ?? null, alignCorners),
  ];
  return op.make<ResizeNode>({ op: 'resize', mode, alignCorners, scale }, [input]);
}

/** By one pixel each. */
export const nearest =
  (mode: Mode): Importer =>
  (op) =>
    resizeNode(op, mode, false, 2);

/** Between four pixels, also with `align_corners`. */
export const bilinear: Importer = (op) => resizeNode(op, 'bilinear', op.literal(2, false), 3);
