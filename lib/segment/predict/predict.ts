import { Module } from '../../nn/index.ts';
import {
  checkCount,
  checkFlags,
  checkNumber,
  checkOptions,
  checkPositions,
  describeValue,
} from '../../options.ts';
import { inferenceMode, noGrad, scope, Tensor, zeros } from '../../tensor/index.ts';
import { overWindows, type WindowSize } from './windows.ts';

/** What gives scores (N, C, H, W): a network, or one that `compile` made for this size. */
export type ScoreModel = Module | { run(images: Tensor): Promise<unknown> };

/** Options of {@link predict}. */
export interface PredictOptions {
  /** Factors by which the image is scaled; the probabilities are averaged. Default [1]. */
  scales?: readonly number[];
  /** Average with the mirror image. Default false. */
  flip?: boolean;
  /** Height and width of the windows that a network sees at once. Default: the whole image. */
  window?: WindowSize | null;
  /** How far windows are apart. Default two thirds of a window. */
  stride?: WindowSize;
}

const OPTIONS = ['scales', 'flip', 'window', 'stride'];

/**
 * The class of each pixel: of whole images or by windows, over several scales and mirror images.
 *
 * @param model in evaluation mode, on the CPU or elsewhere
 * @param images (N, 3, H, W), prepared as the network wants them
 * @returns classes (N, H, W), int64, on the CPU
 * @example
 * const model = segment.create('fcn/resnet18', { numClasses: 5 }).eval();
 * const labels = await segment.predict(model, randn([1, 3, 48, 64]), { scales: [0.5, 1], flip: true });
 */
export async function predict(
  model: ScoreModel,
  images: Tensor,
  options: PredictOptions = {},
): Promise<Tensor> {
  checkPositions('predict', arguments, 3);
  const settings = settled(options);
  const run = runnerOf(model);
  if (!(images instanceof Tensor))
    throw new TypeError(`Expected a Tensor for predict images, got ${describeValue(images)}`);
  if (images.dim() !== 4)
    throw new RangeError(`Expected images (N, 3, H, W) for predict, got [${images.shape.join(', ')}]`);
  const probabilities = await averaged(run, images, settings);
  return scope(() => {
    const labels = noGrad(() => probabilities.argmax(1));
    probabilities.dispose();
    return labels;
  });
}

interface Settings {
  readonly scales: readonly number[];
  readonly flip: boolean;
  readonly window: WindowSize | null;
  readonly stride: WindowSize;
}

/** Checks options, and fills in what is not given. */
export function settled(options: PredictOptions): Settings {
  checkOptions('predict', options, OPTIONS);
  const { scales = [1], flip = false, window = null } = options;
  checkFlags('predict', { flip });
  if (!Array.isArray(scales) || scales.length === 0)
    throw new TypeError(`Expected factors for predict scales, got ${describeValue(scales)}`);
  for (const scale of scales)
    if (!(checkNumber('predict', 'scales', scale) > 0))
      throw new RangeError(`Expected factors above 0 for predict scales, got ${scale}`);
  if (window === null && options.stride !== undefined)
    throw new RangeError('Expected a window beside predict stride, got none; leave stride out');
  const [height, width] = window ?? [3, 3];
  const { stride = [Math.ceil((2 * height) / 3), Math.ceil((2 * width) / 3)] } = options;
  for (const [name, pair] of Object.entries({ window: window ?? [3, 3], stride }))
    for (const side of [0, 1] as const) checkCount('predict', name, pair[side]);
  if (stride[0] > height || stride[1] > width)
    throw new RangeError(
      `Expected at most the window ${height}x${width} for predict stride, got ${stride[0]}x${stride[1]}; pixels would be left out`,
    );
  return { scales, flip, window, stride };
}

type Run = (images: Tensor) => Promise<Tensor>;

function runnerOf(model: ScoreModel): Run {
  if (!(model instanceof Module)) {
    if (typeof (model as { run?: unknown } | null)?.run !== 'function')
      throw new TypeError(`Expected a Module or a compiled model for predict, got ${describeValue(model)}`);
    return async (images) => (await model.run(images)) as Tensor;
  }
  if (model.training)
    throw new RangeError('Expected a network in evaluation mode for predict; call model.eval()');
  const device = model.parameters()[0]?.device ?? 'cpu';
  return async (images) =>
    inferenceMode(() => scope(() => (model.forward(images.to(device)) as Tensor).to('cpu').to('float32')));
}

/** Mean probabilities (N, C, H, W). */
async function averaged(
  run: Run,
  images: Tensor,
  { scales, flip, window, stride }: Settings,
): Promise<Tensor> {
  const [batch, , height, width] = images.shape as [number, number, number, number];
  const isPlain = scales.length === 1 && scales[0] === 1 && !flip && window === null;
  // The largest score is the largest probability.
  if (isPlain) return await run(images);
  const shares: Run = async (x) => {
    const scores = await run(x);
    return scope(() => {
      const probabilities = noGrad(() => scores.softmax(1));
      scores.dispose();
      return probabilities;
    });
  };
  const whole: Run = window === null ? shares : (x) => overWindows(x, window, stride, shares);
  let sum: Tensor | undefined;
  for (const scale of scales)
    for (const isMirrored of flip ? [false, true] : [false]) {
      const input = scope(() => view(images, scaled(height, width, scale), isMirrored));
      const given = await whole(input);
      input.dispose();
      sum ??= zeros([batch, given.shape[1] as number, height, width]);
      const total = sum;
      scope(() => noGrad(() => total.add_(view(given, [height, width], isMirrored))));
      given.dispose();
    }
  return sum as Tensor;
}

const scaled = (height: number, width: number, scale: number): [number, number] => [
  Math.max(1, Math.round(height * scale)),
  Math.max(1, Math.round(width * scale)),
];

/** At another size and mirrored: always a tensor of its own. */
function view(x: Tensor, size: [number, number], isMirrored: boolean): Tensor {
  const isSame = x.shape[2] === size[0] && x.shape[3] === size[1];
  const resized = isSame ? x : x.upsampleBilinear2d(size, true);
  return isMirrored ? resized.flip([3]) : isSame ? x.clone() : resized;
}
