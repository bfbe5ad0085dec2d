import {
  BasicBlock_IBN,
  Bottleneck_IBN,
  type IBNConfig,
  type IBNPlacement,
  ResNet_IBN,
  type ResNetIBNOptions,
} from '../../models/index.ts';
import { BatchNorm2d, InstanceNorm2d } from '../../nn/index.ts';
import { checkChoice, checkOptionsObject, checkPositions } from '../../options.ts';

/** Where a variant has instance normalisation. */
export interface Variant {
  readonly ibnCfg: IBNConfig;
  /** Share of it in IBN layers. Default 0.5. */
  readonly ratio?: number;
  /** All batch normalisation is instance normalisation. */
  readonly full?: true;
}

const groups = (ibn: IBNPlacement, count: number): IBNConfig =>
  [0, 1, 2, 3].map((stage) => (stage < count ? ibn : null)) as unknown as IBNConfig;

/**
 * The variants of the paper's Tables 3 to 5 by their names there: blocks `a` to `a x2` (Fig. 4), `groups 1-N`, the residual
 * groups that have IBN-a, `ratio R`, the share of instance normalisation in it, and `full`, where all norms are instance normalisation.
 * Some are one network: `a`, `groups 1-3` and `ratio 0.5`; `none`, `groups none` and `ratio 0`.
 */
export const VARIANTS: Readonly<Record<string, Variant>> = {
  none: { ibnCfg: groups(null, 0) },
  a: { ibnCfg: groups('a', 3) },
  b: { ibnCfg: groups('b', 2) },
  c: { ibnCfg: groups('c', 3) },
  d: { ibnCfg: groups('d', 3) },
  'a&d': { ibnCfg: groups('ad', 3) },
  'a x2': { ibnCfg: groups('aa', 3) },
  'groups none': { ibnCfg: groups(null, 0) },
  'groups 1': { ibnCfg: groups('a', 1) },
  'groups 1-2': { ibnCfg: groups('a', 2) },
  'groups 1-3': { ibnCfg: groups('a', 3) },
  'groups 1-4': { ibnCfg: groups('a', 4) },
  'ratio 0': { ibnCfg: groups(null, 0) },
  'ratio 0.25': { ibnCfg: groups('a', 3), ratio: 0.25 },
  'ratio 0.5': { ibnCfg: groups('a', 3) },
  'ratio 0.75': { ibnCfg: groups('a', 3), ratio: 0.75 },
  'ratio 1': { ibnCfg: groups('a', 3), ratio: 1 },
  'ratio full': { ibnCfg: groups(null, 0), full: true },
};

/** The first name of the network that a variant is: `a` for `groups 1-3`. */
export function networkOf(name: string): string {
  checkPositions('networkOf', arguments, 1);
  checkChoice('networkOf', 'name', name, Object.keys(VARIANTS));
  const wanted = JSON.stringify(VARIANTS[name]);
  return Object.keys(VARIANTS).find((each) => JSON.stringify(VARIANTS[each]) === wanted) as string;
}

/** A depth of ResNet, for {@link buildVariant}. */
export type VariantDepth = 18 | 34 | 50 | 101 | 152;

const DEPTHS = {
  18: [BasicBlock_IBN, [2, 2, 2, 2]],
  34: [BasicBlock_IBN, [3, 4, 6, 3]],
  50: [Bottleneck_IBN, [3, 4, 6, 3]],
  101: [Bottleneck_IBN, [3, 4, 23, 3]],
  152: [Bottleneck_IBN, [3, 8, 36, 3]],
} as const;

/**
 * Builds a variant of a ResNet. Under one seed all begin with the same convolutions, but `c`, whose are larger.
 *
 * @param name of {@link VARIANTS}
 * @param options those of `models.ResNet_IBN` but `ibnCfg` and `ratio`
 * @throws RangeError for another name or depth
 * @example
 * const model = studies.buildVariant('a&d', 18, { stem: 'small', widths: [8, 16, 32, 64], numClasses: 9 });
 */
export function buildVariant(
  name: string,
  depth: VariantDepth = 50,
  options: Omit<ResNetIBNOptions, 'ibnCfg' | 'ratio'> = {},
): ResNet_IBN {
  checkPositions('buildVariant', arguments, 3);
  checkChoice('buildVariant', 'name', name, Object.keys(VARIANTS));
  checkChoice('buildVariant', 'depth', depth, [18, 34, 50, 101, 152]);
  checkOptionsObject('buildVariant', options);
  const own = ['ibnCfg', 'ratio'].find((key) => key in options);
  if (own !== undefined)
    throw new RangeError(`Expected no ${own} for buildVariant, which the name decides; leave it out`);
  const { ibnCfg, ratio = 0.5, full = false } = VARIANTS[name] as Variant;
  const [block, layers] = DEPTHS[depth];
  const model = new ResNet_IBN(block, layers, { ...options, ibnCfg, ratio });
  if (full) onlyInstanceNorms(model);
  return model;
}

function onlyInstanceNorms(model: ResNet_IBN): void {
  for (const [name, module] of [...model.namedModules()])
    if (module instanceof BatchNorm2d)
      model.setSubmodule(name, new InstanceNorm2d(module.numFeatures, { affine: true }));
}
