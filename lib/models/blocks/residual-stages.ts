import { BatchNorm2d, type Conv2d, init, Sequential } from '../../nn/index.ts';
import { checkFlags } from '../../options.ts';
import type { FeatureInfo } from '../features.ts';
import { type IBNPlacement, placementOf } from './placement.ts';
import { type BlockClass, conv1x1 } from './residual-blocks.ts';

/** What all blocks of a network share. */
export interface StageSettings {
  /** Channels of the stem. */
  inplanes: number;
  ratio: number;
  groups?: number;
  baseWidth?: number;
  /** See {@link StrideOptions}. */
  dilateFirst?: boolean | undefined;
}

type StageMaker = (
  planes: number,
  blocks: number,
  options: { stride?: number; ibn: IBNPlacement; dilate?: boolean },
) => Sequential;

/** Builds the stages in turn, each from the channels and the dilation the one before it leaves. */
export function stageMaker(block: BlockClass, settings: StageSettings): StageMaker {
  const { ratio, groups = 1, baseWidth = 64, dilateFirst = false } = settings;
  let { inplanes } = settings;
  let dilation = 1;
  return (planes, blocks, { stride = 1, ibn, dilate = false }) => {
    const width = planes * block.expansion;
    const shared = { ratio, groups, baseWidth };
    const before = dilation;
    if (dilate) dilation *= stride;
    // As torchvision (models/resnet.py, 0.28): the first block still has the dilation of the stage before.
    const first = { stride: dilate ? 1 : stride, dilation: dilateFirst ? dilation : before };
    // Built before the block's own convolutions: the order in which random numbers are drawn.
    const downsample =
      first.stride === 1 && inplanes === width
        ? null
        : new Sequential(conv1x1(inplanes, width, first.stride), new BatchNorm2d(width));
    const stage = new Sequential();
    for (let i = 0; i < blocks; i++) {
      const own = i === 0 ? { ...first, downsample } : { dilation };
      stage.add(new block(inplanes, planes, { ...shared, ...own, ibn: placementOf(ibn, i, blocks) }));
      inplanes = width;
    }
    return stage;
  };
}

/** Options of the strides of stages 2 to 4. */
export interface StrideOptions {
  /** For stages 2 to 4: dilate instead of striding, as in torchvision. Default `[false, false, false]`. */
  replaceStrideWithDilation?: readonly [boolean, boolean, boolean];
  /**
   * Input size over the size of the last map: 32 (default), 16 or 8; with the small stem 8, 4 or 2. Smaller ones
   * dilate, as `replaceStrideWithDilation` does; not together with it.
   */
  outputStride?: number;
  /**
   * Whether the first block of a dilated stage has the stage's dilation, as in PSPNet and the DeepLabs, or that of the stage
   * before, as in torchvision. Default false.
   */
  dilateFirst?: boolean;
  /**
   * Stride of stage 4, 2 (default) or 1. With 1 the last map has twice the height and width and nothing is dilated, as in
   * the backbones of Re-ID (`last_stride` of reid-strong-baseline and fast-reid). Not together with dilation of stage 4.
   */
  lastStride?: 1 | 2;
}

/** Names of {@link StrideOptions}. */
export const STRIDE_OPTIONS = ['replaceStrideWithDilation', 'outputStride', 'dilateFirst', 'lastStride'];

/** How a stage gets from the size of its input to that of its output. */
export interface StageStride {
  readonly stride: number;
  /** Dilate instead of striding. */
  readonly dilate: boolean;
}

/** Strides and dilation of stages 1 to 4; `stemStride` is that of stem and pooling. */
export function stageStrides(
  owner: string,
  options: StrideOptions,
  stemStride: number,
): readonly [StageStride, StageStride, StageStride, StageStride] {
  checkFlags(owner, { dilateFirst: options.dilateFirst });
  const dilated = dilatedStages(owner, options, stemStride);
  const last = lastStrideOf(owner, options, dilated[3]);
  const [, second, third, fourth] = dilated;
  return [
    { stride: 1, dilate: false },
    { stride: 2, dilate: second },
    { stride: 2, dilate: third },
    { stride: last, dilate: fourth },
  ];
}

function lastStrideOf(
  owner: string,
  { lastStride = 2, outputStride }: StrideOptions,
  dilates: boolean,
): number {
  if (lastStride !== 1 && lastStride !== 2) {
    throw new RangeError(`Expected lastStride 1 or 2 for ${owner}, got ${JSON.stringify(lastStride)}`);
  }
  if (lastStride === 2 || !(dilates || outputStride !== undefined)) return lastStride;
  const other = outputStride === undefined ? 'replaceStrideWithDilation of stage 4' : 'outputStride';
  throw new RangeError(`Expected either lastStride 1 or ${other} for ${owner}, got both`);
}

function dilatedStages(
  owner: string,
  { replaceStrideWithDilation: replace, outputStride }: StrideOptions,
  stemStride: number,
): readonly [false, boolean, boolean, boolean] {
  if (replace !== undefined && outputStride !== undefined) {
    throw new RangeError(`Expected either replaceStrideWithDilation or outputStride for ${owner}, got both`);
  }
  if (replace !== undefined && replace.length !== 3) {
    throw new RangeError(`Expected 3 booleans for replaceStrideWithDilation, got ${replace.length}`);
  }
  if (replace !== undefined) return [false, ...replace];
  const known = [8, 4, 2].map((factor) => factor * stemStride);
  if (outputStride !== undefined && !known.includes(outputStride)) {
    throw new RangeError(`Expected outputStride ${known.join(', ')} for ${owner}, got ${outputStride}`);
  }
  const limit = outputStride ?? 8 * stemStride;
  return [false, 2 * stemStride > limit, 4 * stemStride > limit, 8 * stemStride > limit];
}

/** The stem's activation and the four stages, by name. */
export function residualFeatures(
  channels: readonly number[],
  stemReductions: readonly [number, number],
  strides: readonly StageStride[],
): FeatureInfo[] {
  const found: FeatureInfo[] = [];
  let reduction = stemReductions[1];
  for (const [i, count] of channels.slice(1).entries()) {
    const { stride, dilate } = strides[i] as StageStride;
    if (!dilate) reduction *= stride;
    found.push({ name: `layer${i + 1}`, channels: count, reduction });
  }
  return [{ name: 'relu', channels: channels[0] as number, reduction: stemReductions[0] }, ...found];
}

/** He initialisation over the outputs; norm layers start at 1 and 0, and `fc` keeps PyTorch's default. */
export function initConv({ weight, kernelSize, outChannels }: Conv2d): void {
  init.normal_(weight, 0, Math.sqrt(2 / (kernelSize[0] * kernelSize[1] * outChannels)));
}
