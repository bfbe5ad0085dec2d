import { call } from '../nn/forward-then-release.ts';
import { Module, Sequential } from '../nn/index.ts';
import { checkPositions, describeValue } from '../options.ts';
import type { Tensor } from '../tensor/index.ts';
import { release, temporaries } from '../tensor/scope.ts';
import { BasicBlock_IBN, Bottleneck_IBN } from './blocks/residual-blocks.ts';

/** An output inside a network. */
export interface FeatureInfo {
  /** Dotted path of the module that gives it. */
  readonly name: string;
  readonly channels: number;
  /** Size of the image over size of the map. */
  readonly reduction: number;
}

/** A network that says which of its outputs are features. */
export interface FeatureModel extends Module {
  readonly featureInfo: readonly FeatureInfo[];
}

/**
 * The network up to the last of the named outputs; forward gives them by name. It shares its modules with the model
 * it is made from, and so weights, mode and device; its keys are those of the model without the unused rest.
 */
export class FeatureExtractor<N extends string = string> extends Module {
  /** The outputs, in the order of the names. */
  readonly featureInfo: readonly FeatureInfo[];
  private readonly names: readonly N[];

  constructor(model: FeatureModel, names: readonly N[]) {
    checkPositions('FeatureExtractor', arguments, 2);
    checkModel(model);
    checkNames(names);
    super();
    this.training = model.training;
    this.featureInfo = names.map((name) => infoOf(model, name));
    this.names = names;
    for (const [name, child] of upToLast(model.namedChildren(), names, '')) this.registerModule(name, child);
  }

  forward(x: Tensor): Record<N, Tensor> {
    return temporaries(() => {
      const found = new Map<string, Tensor>();
      runStages(this.namedChildren(), x, '', this.names, found);
      return Object.fromEntries(this.names.map((name) => [name, found.get(name)])) as Record<N, Tensor>;
    });
  }
}

/** Runs modules one after the other and notes the outputs that are wanted. */
function runStages(
  modules: [string, Module][],
  input: Tensor,
  prefix: string,
  names: readonly string[],
  found: Map<string, Tensor>,
): Tensor {
  const wanted = new Set<unknown>([input]);
  let x = input;
  for (const [name, module] of modules) {
    const path = prefix + name;
    const inside = names.some((wantedName) => wantedName.startsWith(`${path}.`));
    const y: Tensor = inside
      ? runStages(module.namedChildren(), x, `${path}.`, names, found)
      : call(module, x);
    if (y !== x && !wanted.has(x)) release(x);
    x = y;
    if (names.includes(path)) found.set(path, x);
    for (const tensor of found.values()) wanted.add(tensor);
  }
  return x;
}

/**
 * Makes a network that gives the outputs of stages, or of residual blocks, instead of class scores. What comes after
 * the last one is left out.
 *
 * @param names Out of `model.featureInfo`, such as `'layer1'` or `'features.denseblock2'`, or blocks such as
 *   `'layer3.5'`. Default: the stages, without the stem.
 * @throws RangeError for other names.
 * @example
 * const backbone = models.createFeatureExtractor(models.resnet50_ibn_a(), ['layer1', 'layer4']);
 * const { layer1, layer4 } = backbone.forward(x); // (N, 256, H / 4, W / 4), (N, 2048, H / 32, W / 32)
 * backbone.featureInfo; // [{ name: 'layer1', channels: 256, reduction: 4 }, ...]
 */
export function createFeatureExtractor<N extends string>(
  model: FeatureModel,
  names: readonly N[] = stagesOf(model) as N[],
): FeatureExtractor<N> {
  checkPositions('createFeatureExtractor', arguments, 2);
  checkNames(names);
  if (names.length === 0)
    throw new RangeError('Expected at least one name for createFeatureExtractor, got none');
  return new FeatureExtractor(model, names);
}

/** Blocks keep the channels and the size of their stage. */
function infoOf(model: FeatureModel, name: string): FeatureInfo {
  const info = model.featureInfo.find((stage) => stage.name === name || name.startsWith(`${stage.name}.`));
  if (info?.name === name) return info;
  const block = info === undefined ? undefined : moduleAt(model, name);
  if (info !== undefined && (block instanceof BasicBlock_IBN || block instanceof Bottleneck_IBN)) {
    return { ...info, name };
  }
  const known = model.featureInfo.map((stage) => stage.name).join(', ');
  throw new RangeError(
    `Expected a stage or a residual block for createFeatureExtractor, got "${name}"; stages: ${known}`,
  );
}

function moduleAt(model: Module, path: string): Module | undefined {
  return model.namedModules().find(([name]) => name === path)?.[1];
}

/** The children that are needed for the wanted outputs; the last one is cut off after the last output in it. */
function upToLast(
  children: [string, Module][],
  wanted: readonly string[],
  prefix: string,
): [string, Module][] {
  const uses = (path: string) => wanted.some((name) => name === path || name.startsWith(`${path}.`));
  const last = children.findLastIndex(([name]) => uses(prefix + name));
  return children.slice(0, last + 1).map(([name, module], i) => {
    const path = prefix + name;
    if (i < last || wanted.includes(path)) return [name, module];
    const part = new Sequential(upToLast(module.namedChildren(), wanted, `${path}.`));
    part.training = module.training;
    return [name, part];
  });
}

function checkModel(model: unknown): void {
  if (model instanceof Module && Array.isArray((model as FeatureModel).featureInfo)) return;
  throw new TypeError(
    `Expected a network with featureInfo, such as resnet50_ibn_a(), for createFeatureExtractor, got ${describeValue(model)}`,
  );
}

/** Without the stem. */
function stagesOf(model: FeatureModel): string[] {
  checkModel(model);
  return model.featureInfo.slice(1).map(({ name }) => name);
}

function checkNames(names: unknown): void {
  if (Array.isArray(names) && Array.from(names).every((name) => typeof name === 'string')) return;
  const got = Array.isArray(names) ? names.map(describeValue).join(', ') : describeValue(names);
  throw new TypeError(
    `Expected an array of names for createFeatureExtractor, such as ['layer1', 'layer4'], got ${got}`,
  );
}
