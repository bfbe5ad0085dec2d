import { Bottleneck_IBN } from '../../models/blocks/residual-blocks.ts';
import { stageMaker } from '../../models/blocks/residual-stages.ts';
import { SEBottleneck_IBN } from '../../models/networks/se-resnet-ibn.ts';
import { call } from '../../nn/forward-then-release.ts';
import { Module, Sequential } from '../../nn/index.ts';
import { deferDraws } from '../../nn/init/defer-draws.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import { BACKBONE_OPTIONS, buildFastReIDBackbone } from './backbones/fast-reid.ts';
import { ResNetBackbone } from './backbones/resnet.ts';
import { checkChoice, checkCount } from './checks.ts';
import { FAST_REID_OPTIONS, type FastReIDOptions, pick } from './fast-reid.ts';
import { EmbeddingHead, HEAD_OPTIONS, type HeadOutputs } from './heads/embedding-head.ts';
import { addPixelBuffers, checkPixels } from './heads/pixels.ts';

/** Names of the heads in the order in which their features stand in the whole one. */
const HEAD_NAMES = [
  ...(['b1_head', 'b2_head', 'b3_head', 'b21_head'] as const),
  ...(['b22_head', 'b31_head', 'b32_head', 'b33_head'] as const),
] as const;

/** What training gives: the outputs of each head by its name. */
export type MGNOutputs = Record<(typeof HEAD_NAMES)[number], HeadOutputs>;

/** Options of {@link MGN}: those of {@link FastReIDOptions} with a ResNet of depth 50x or 101x and `EmbeddingHead`. */
export type MGNOptions = Omit<FastReIDOptions, 'head'>;

/**
 * fast-reid's `MGN`: three branches, of the whole map, its halves and its thirds, with eight heads. The same keys, initial
 * weights under the same seed, and outputs. Images as for {@link FastReID}: pixels from 0 to 255.
 *
 * In evaluation `forward` gives features (N, 8 D), in training {@link MGNOutputs}.
 *
 * @example
 * const model = reid.mgn({ withIbn: true, numClasses: 751 });
 */
export class MGN extends Module {
  /** Length of a feature. */
  readonly featDim: number;
  readonly options: Readonly<MGNOptions>;
  declare pixel_mean: Tensor;
  declare pixel_std: Tensor;
  backbone: Sequential;
  b1: Sequential;
  b1_head: EmbeddingHead;
  b2: Sequential;
  b2_head: EmbeddingHead;
  b21_head: EmbeddingHead;
  b22_head: EmbeddingHead;
  b3: Sequential;
  b3_head: EmbeddingHead;
  b31_head: EmbeddingHead;
  b32_head: EmbeddingHead;
  b33_head: EmbeddingHead;

  constructor(options: MGNOptions = {}) {
    checkPositions('MGN', arguments, 1);
    super();
    checkOptions(
      'MGN',
      options,
      FAST_REID_OPTIONS.filter((name) => name !== 'head'),
    );
    checkChoice('MGN', 'backbone', options.backbone ?? 'resnet', ['resnet']);
    checkChoice('MGN', 'depth', options.depth ?? '50x', ['50x', '101x']);
    // The published network drops non-local blocks without a word.
    checkChoice('MGN', 'withNl', options.withNl ?? false, [false]);
    const numClasses = checkCount('MGN', 'numClasses', options.numClasses ?? 751, 0);
    this.options = { ...options };
    const parts = deferDraws(() => buildBranches(options));
    const head = () => new EmbeddingHead(2048, numClasses, pick(options, HEAD_OPTIONS));
    this.backbone = parts.shared;
    this.b1 = parts.whole;
    this.b1_head = head();
    this.b2 = parts.halves;
    this.b2_head = head();
    this.b21_head = head();
    this.b22_head = head();
    this.b3 = parts.thirds;
    this.b3_head = head();
    this.b31_head = head();
    this.b32_head = head();
    this.b33_head = head();
    this.featDim = 8 * this.b1_head.featDim;
    addPixelBuffers(this, options);
  }

  forward(images: Tensor, targets?: Tensor): Tensor | MGNOutputs {
    checkPixels(this, images);
    return temporaries(() => {
      const maps = this.maps(images);
      const outputs = HEAD_NAMES.map((name) => this[name].forward(maps[name], targets));
      if (!this.training) return ops.aten.cat(outputs as Tensor[], 1);
      return Object.fromEntries(HEAD_NAMES.map((name, i) => [name, outputs[i]])) as MGNOutputs;
    });
  }

  /** What each head sees. */
  private maps(images: Tensor): Record<(typeof HEAD_NAMES)[number], Tensor> {
    const x = call(this.backbone, ops.aten.div(ops.aten.sub(images, this.pixel_mean), this.pixel_std));
    const [b1_head, b2_head, b3_head] = [call(this.b1, x), call(this.b2, x), call(this.b3, x)];
    const [b21_head, b22_head] = parts(b2_head, 2) as [Tensor, Tensor];
    const [b31_head, b32_head, b33_head] = parts(b3_head, 3) as [Tensor, Tensor, Tensor];
    return { b1_head, b2_head, b21_head, b22_head, b3_head, b31_head, b32_head, b33_head };
  }
}

/** Bands of a map's rows. */
function parts(map: Tensor, count: number): Tensor[] {
  const bands = map.chunk(count, 2);
  if (bands.length === count) return bands;
  throw new RangeError(
    `Expected images whose last map has ${count} bands of rows for MGN, got ${map.shape[2]} rows; use 256x128 or 384x128`,
  );
}

interface Branches {
  readonly shared: Sequential;
  readonly whole: Sequential;
  readonly halves: Sequential;
  readonly thirds: Sequential;
}

function buildBranches(options: MGNOptions): Branches {
  const { backbone } = buildFastReIDBackbone('MGN', pick(options, BACKBONE_OPTIONS));
  if (!(backbone instanceof ResNetBackbone)) throw new TypeError('Expected a ResNet for MGN');
  const { conv1, bn1, relu, maxpool, layer1, layer2, layer3, layer4 } = backbone;
  const [first, ...rest] = layer3.children() as [Module, ...Module[]];
  const stem = [conv1, bn1, relu, maxpool, layer1, layer2, first];
  // Drawn before its weights are replaced: the published code draws them too.
  const block = options.withSe ? SEBottleneck_IBN : Bottleneck_IBN;
  const dense = stageMaker(block, { inplanes: 1024, ratio: 0.5 })(512, 3, { ibn: null });
  dense.loadStateDict(layer4.stateDict());
  const branch = (last: Sequential) =>
    new Sequential(new Sequential(...rest.map((part) => part.clone())), last.clone());
  return {
    shared: new Sequential(...stem.filter((part) => part !== null)),
    whole: branch(layer4),
    halves: branch(dense),
    thirds: branch(dense),
  };
}
