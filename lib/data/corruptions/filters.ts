import { ops, stack, type Tensor, tensor, zerosLike } from '../../tensor/index.ts';

/** What stands beyond an image's border: its border again, or the image mirrored about the border pixel. */
type Border = 'replicate' | 'reflect';

/** How far a normal distribution reaches, and what stands beyond the border. */
interface Blur {
  readonly sigma: number;
  readonly radius: number;
  readonly border: Border;
}

export const sizeOf = (x: Tensor) => x.shape.slice(-2) as [height: number, width: number];

/** A row-major matrix as a tensor. */
const matrixOf = (values: Float32Array, rows: number) => tensor(values).view([rows, -1]);

/** The place inside that stands for one beyond the border. Mirrors as often as it takes. */
function inside(at: number, length: number, border: Border): number {
  if (border === 'replicate' || length === 1) return Math.min(length - 1, Math.max(0, at));
  const period = 2 * (length - 1);
  const once = ((at % period) + period) % period;
  return once < length ? once : period - once;
}

/** Pads (C, H, W) by `by` pixels on each side. */
function padded(x: Tensor, by: number, border: Border): Tensor {
  const places = (length: number) =>
    tensor(
      Array.from({ length: length + 2 * by }, (_, i) => inside(i - by, length, border)),
      { dtype: 'int64' },
    );
  const [height, width] = sizeOf(x);
  return x.indexSelect(1, places(height)).indexSelect(2, places(width));
}

/** Correlates every channel of (C, H, W) with a square kernel (1, k, k) of an odd size, the border mirrored. */
export function filter2d(x: Tensor, kernel: Tensor): Tensor {
  const channels = x.shape[0] as number;
  const side = kernel.shape[1] as number;
  const batch = padded(x, (side - 1) / 2, 'reflect').unsqueeze(0);
  const weight = kernel.expand([channels, 1, side, side]).contiguous();
  return ops.aten.conv2d(batch, weight, { groups: channels }).squeeze(0);
}

/** Weights of a normal distribution at whole distances up to `radius`, which add up to 1. */
function gaussian(sigma: number, radius: number): number[] {
  return normalised(
    Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2))),
  );
}

function normalised(weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Blurs (C, H, W). */
export function gaussianBlur(x: Tensor, blur: Blur): Tensor {
  const [height, width] = sizeOf(x);
  const down = blurMatrix(height, blur);
  const across = width === height ? down : blurMatrix(width, blur);
  return down.matmul(x).matmul(across.t());
}

// A matrix, since the radius may be several times the image.
function blurMatrix(length: number, { sigma, radius, border }: Blur): Tensor {
  const weights = gaussian(sigma, radius);
  const matrix = new Float32Array(length * length);
  for (let row = 0; row < length; row++) {
    for (let i = 0; i < weights.length; i++) {
      const at = row * length + inside(row + i - radius, length, border);
      matrix[at] = (matrix[at] as number) + (weights[i] as number);
    }
  }
  return matrixOf(matrix, length);
}

/** Smears (C, H, W) to one side along an angle in degrees, as ImageMagick does. */
export function motionBlur(x: Tensor, radius: number, sigma: number, angle: number): Tensor {
  const reach = 2 * radius + 1;
  const weights = normalised(gaussian(sigma, reach - 1).slice(reach - 1));
  const [cosine, sine] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const [height, width] = sizeOf(x);
  const around = padded(x, reach, 'replicate');
  const smeared = zerosLike(x);
  for (const [i, weight] of weights.entries()) {
    const [right, down] = [Math.ceil(i * cosine - 0.5), Math.ceil(i * sine - 0.5)];
    smeared.add_(around.narrow(1, reach + down, height).narrow(2, reach + right, width), { alpha: weight });
  }
  return smeared;
}

/** The middle of (C, H, W) enlarged by a factor, in the same size. */
export function zoomed(x: Tensor, factor: number): Tensor {
  const size = sizeOf(x);
  const kept = size.map((length) => Math.ceil(length / factor)) as [number, number];
  const large = kept.map((length) => Math.round(length * factor)) as [number, number];
  const enlarged = ops.aten.upsample_bilinear2d(middle(x, kept).unsqueeze(0), large, true).squeeze(0);
  return middle(enlarged, size);
}

function middle(x: Tensor, [rows, columns]: readonly [number, number]): Tensor {
  const [height, width] = sizeOf(x);
  return x
    .narrow(1, Math.floor((height - rows) / 2), rows)
    .narrow(2, Math.floor((width - columns) / 2), columns);
}

/** Means over boxes, rounded to whole 255ths after each direction: Pillow's BOX filter, smaller or larger. */
export function boxResized(x: Tensor, height: number, width: number): Tensor {
  const rounded = (values: Tensor) => values.mul(255).add(0.5).floor().div(255);
  const [rows, columns] = sizeOf(x);
  const across = rounded(x.matmul(boxMatrix(columns, width).t()));
  return rounded(boxMatrix(rows, height).matmul(across));
}

// Where a pixel is cut in the middle, Pillow's own arithmetic decides.
function boxMatrix(from: number, to: number): Tensor {
  const scale = from / to;
  const support = Math.max(scale, 1) / 2;
  const matrix = new Float32Array(to * from);
  for (let row = 0; row < to; row++) {
    const centre = (row + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - support + 0.5));
    const end = Math.min(from, Math.floor(centre + support + 0.5));
    const places = Array.from({ length: end - first }, (_, i) => first + i).filter((at) => {
      const distance = (at - centre + 0.5) * (1 / Math.max(scale, 1));
      return distance > -0.5 && distance <= 0.5;
    });
    for (const at of places) matrix[row * from + at] = 1 / places.length;
  }
  return matrixOf(matrix, to);
}

/** (C, H, W) at other places: `rows` and `columns`, each (H, W), in pixels; mirrored beyond the border. */
export function sampledAt(x: Tensor, rows: Tensor, columns: Tensor): Tensor {
  const [height, width] = sizeOf(x);
  const unit = (places: Tensor, length: number) => places.mul(2 / (length - 1)).sub(1);
  const grid = stack([unit(columns, width), unit(rows, height)], -1).unsqueeze(0);
  const [bilinear, reflection] = [0, 2];
  return ops.aten.grid_sampler_2d(x.unsqueeze(0), grid, bilinear, reflection, true).squeeze(0);
}
