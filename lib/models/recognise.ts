import { utils } from '../nn/index.ts';
import { scope } from '../tensor/index.ts';
import { getModel, listModels, type ModelOptions } from './registry.ts';

/** Shapes of a file's weights by their keys. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Whose way of naming a file's keys follow. */
export type Layout = 'IBN-Net' | 'torchvision' | 'torchreid' | 'fast-reid' | 'reid-strong-baseline';

/** The network of this package that a file's weights fit best. */
export interface Recognised {
  readonly model: string;
  /** Options for the model besides `numClasses`. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly layout: Layout;
  /** What the network's keys have in front in the file. */
  readonly prefix: string;
  /** Of the classifier in the file; undefined where it has none. */
  readonly numClasses: number | undefined;
  /** The key of the classifier's weight in the file. */
  readonly head: string | undefined;
  /** Whether that classifier is the network's own, under its name. */
  readonly hasOwnHead: boolean;
  /** How many of the network's tensors, without its classifier, are in the file with their shape. */
  readonly fitting: number;
  readonly total: number;
  /** Keys of the file that are not the network's, in the file's order. */
  readonly others: readonly string[];
}

const HEADS = ['fc', 'classifier', 'heads.weight', 'heads.classifier', 'head.fc', 'head'];

/**
 * Finds the network by its keys and shapes; undefined where fewer than half of any network's fit.
 *
 * @param known Options that the file itself names; the others are read off the shapes.
 */
export function recognise(
  shapes: Shapes,
  known: Readonly<Record<string, unknown>> = {},
): Recognised | undefined {
  const anchor = anchorOf(shapes);
  if (anchor === undefined) return undefined;
  const own = withoutPrefix(shapes, anchor.prefix);
  const { numClasses: _, ...others } = known;
  const options = { ...optionsOf(own), ...others };
  const matches = candidates(anchor.family, own).map((model) =>
    match(model, options, own, shapes, anchor.prefix),
  );
  const [best] = matches
    .filter((found) => found !== undefined)
    .sort((a, b) => b.fitting / b.total - a.fitting / a.total);
  return best && best.fitting * 2 >= best.total ? best : undefined;
}

interface Anchor {
  readonly prefix: string;
  readonly family: 'resnet' | 'densenet';
}

/** A key that only such networks have, and so where they begin. */
function anchorOf(shapes: Shapes): Anchor | undefined {
  for (const key of shapes.keys()) {
    const residual = /^(.*?)layer1\.0\.conv1\.weight$/.exec(key);
    if (residual) return { prefix: residual[1] as string, family: 'resnet' };
    const dense = /^(.*?)features\.denseblock1\.denselayer1\.conv1\.weight$/.exec(key);
    if (dense) return { prefix: dense[1] as string, family: 'densenet' };
  }
  return undefined;
}

function withoutPrefix(shapes: Shapes, prefix: string): Shapes {
  const own = [...shapes].filter(([key]) => key.startsWith(prefix));
  return new Map(own.map(([key, shape]) => [key.slice(prefix.length), shape]));
}

/** What the first convolution says of a network: the channels of its images, and its stem. */
export function stemOptions(shapes: Shapes): Record<string, unknown> {
  const anchor = anchorOf(shapes);
  return anchor === undefined ? {} : optionsOf(withoutPrefix(shapes, anchor.prefix));
}

function optionsOf(own: Shapes): Record<string, unknown> {
  const stem = own.get('conv1.weight') ?? own.get('features.conv0.weight');
  const inChannels = stem?.[1];
  return {
    ...(inChannels === undefined || inChannels === 3 ? {} : { inChannels }),
    ...(own.has('conv1.weight') && stem?.[2] === 3 ? { stem: 'small' } : {}),
  };
}

/** Models of the file's depth and kind of block. */
function candidates(family: Anchor['family'], own: Shapes): string[] {
  const depth = family === 'densenet' ? denseDepth(own) : residualDepth(own);
  const [, perGroup = 0] = own.get('layer1.0.conv2.weight') ?? [];
  const isGrouped = own.has('layer1.0.conv3.weight') && perGroup < 32;
  const kind = own.has('layer1.0.se.fc.0.weight') ? 'se_resnet' : isGrouped ? 'resnext' : family;
  return listModels({ filter: new RegExp(`^${kind}${depth}(_|$)`) });
}

function countKeys(own: Shapes, pattern: RegExp): number {
  return [...own.keys()].filter((key) => pattern.test(key)).length;
}

function residualDepth(own: Shapes): number {
  const blocks = countKeys(own, /^layer\d\.\d+\.conv1\.weight$/);
  return blocks * (own.has('layer1.0.conv3.weight') ? 3 : 2) + 2;
}

function denseDepth(own: Shapes): number {
  return countKeys(own, /^features\.denseblock\d\.denselayer\d+\.conv1\.weight$/) * 2 + 5;
}

function match(
  model: string,
  options: Record<string, unknown>,
  own: Shapes,
  all: Shapes,
  prefix: string,
): Recognised | undefined {
  const wanted = shapesOfModel(model, options);
  if (wanted === undefined) return undefined;
  const ownHead = wanted.has('fc.weight') ? 'fc.' : 'classifier.';
  // Files from before PyTorch 0.4.1 have no counters.
  const body = [...wanted].filter(
    ([key]) => !key.startsWith(ownHead) && !key.endsWith('num_batches_tracked'),
  );
  const fitting = body.filter(([key, shape]) => String(own.get(key)) === String(shape)).length;
  const head = headOf(all, prefix);
  return {
    ...{ model, options, prefix, fitting, total: body.length },
    head,
    hasOwnHead: head === `${prefix}${ownHead}weight`,
    layout: layoutOf(model, all, prefix),
    numClasses: head === undefined ? undefined : all.get(head)?.[0],
    others: [...all.keys()].filter((key) => !isOf(wanted, key, prefix)),
  };
}

function isOf(wanted: ReadonlyMap<string, unknown>, key: string, prefix: string): boolean {
  return key.startsWith(prefix) && wanted.has(key.slice(prefix.length));
}

function shapesOfModel(
  model: string,
  options: Record<string, unknown>,
): Map<string, readonly number[]> | undefined {
  try {
    return scope(() => {
      const built = utils.skipInit(() => getModel(model, options as ModelOptions));
      return new Map([...built.stateDict()].map(([key, value]) => [key, value.shape]));
    });
  } catch {
    // Options of another network's recipe.
    return undefined;
  }
}

/** The classifier, beside the network or around it. */
function headOf(all: Shapes, prefix: string): string | undefined {
  const outer = prefix.replace(/[^.]+\.$/, '');
  const names = HEADS.map((name) => (name.endsWith('weight') ? name : `${name}.weight`));
  return [...names.map((name) => prefix + name), ...names.map((name) => outer + name)].find(
    (key) => all.get(key)?.length === 2,
  );
}

function layoutOf(model: string, all: Shapes, prefix: string): Layout {
  const outer = prefix.replace(/[^.]+\.$/, '');
  const hasUnder = (start: string) => [...all.keys()].some((key) => key.startsWith(outer + start));
  if (prefix.endsWith('backbone.') && hasUnder('heads.')) return 'fast-reid';
  if (prefix.endsWith('base.') && hasUnder('bottleneck.')) return 'reid-strong-baseline';
  if (!model.startsWith('densenet') && all.has(`${prefix}classifier.weight`)) return 'torchreid';
  return model.includes('ibn') ? 'IBN-Net' : 'torchvision';
}
