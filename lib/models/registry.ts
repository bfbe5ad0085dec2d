import type { Module } from '../nn/index.ts';
import {
  checkFlags,
  checkOptions,
  checkPositions,
  checkText,
  describeValue,
  suggestion,
} from '../options.ts';
import * as densenet from './networks/densenet.ts';
import * as densenetIbn from './networks/densenet-ibn.ts';
import * as resnet from './networks/resnet.ts';
import * as resnetIbn from './networks/resnet-ibn.ts';
import * as resnext from './networks/resnext.ts';
import * as resnextIbn from './networks/resnext-ibn.ts';
import * as seResnet from './networks/se-resnet.ts';
import * as seResnetIbn from './networks/se-resnet-ibn.ts';
import { weightsOf } from './weights.ts';

const files = {
  ...resnetIbn,
  ...resnextIbn,
  ...seResnetIbn,
  ...densenetIbn,
  ...resnet,
  ...resnext,
  ...seResnet,
  ...densenet,
};

type Files = typeof files;
type Entries = { [N in keyof Files as Files[N] extends (options?: never) => Module ? N : never]: Files[N] };

/** Names of the models. */
export type ModelName = keyof Entries;

/** A network for images: (N, C, H, W) -> logits (N, numClasses). */
export type ImageModel = resnetIbn.ResNet_IBN | resnextIbn.ResNeXt_IBN | densenetIbn.DenseNet_IBN;

/** Options of a model whose name is not known before the program runs. */
export type ModelOptions =
  | resnetIbn.EntryOptions
  | resnextIbn.ResNeXtEntryOptions
  | densenetIbn.DenseNetEntryOptions;

/** What the model of that name is: its own class where the compiler knows the name. */
export type ModelOf<N extends string> = N extends ModelName ? ReturnType<Entries[N]> : ImageModel;
/** The options of that model. */
export type OptionsOf<N extends string> = N extends ModelName
  ? NonNullable<Parameters<Entries[N]>[0]>
  : ModelOptions;

/** Builds a model from its options. */
export type ModelEntry = (options?: ModelOptions) => ImageModel;

/** Entry points are named for their depth; the files also export what they are built with. */
const ENTRIES = new Map(
  Object.entries(files).filter(([name]) => /^(se_)?(resnet|resnext|densenet)\d/.test(name)),
) as Map<string, unknown> as Map<string, ModelEntry>;

/** Options of `listModels`. */
export interface ListOptions {
  /** A part of the name, or a pattern. */
  filter?: string | RegExp;
  /** Only those with published weights, or only those without. */
  pretrained?: boolean;
}

/**
 * Names of the models, in alphabetical order with depths as numbers.
 *
 * @example
 * models.listModels({ filter: 'ibn_b' }); // ['resnet18_ibn_b', ...]
 * models.listModels({ filter: /^densenet/, pretrained: true }); // ['densenet121_ibn_a', 'densenet169_ibn_a']
 */
export function listModels(options: ListOptions = {}): string[] {
  checkPositions('listModels', arguments, 1);
  checkOptions('listModels', options, ['filter', 'pretrained']);
  const { filter = '', pretrained } = options;
  checkFlags('listModels', { pretrained });
  if (typeof filter !== 'string' && !(filter instanceof RegExp))
    throw new TypeError(`Expected a text or RegExp for listModels filter, got ${describeValue(filter)}`);
  const fits = (name: string): boolean =>
    typeof filter === 'string' ? name.includes(filter) : name.search(filter) >= 0;
  return [...ENTRIES.keys()]
    .filter(fits)
    .filter((name) => pretrained === undefined || pretrained === (weightsOf(name) !== undefined))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/**
 * Builds a model by name.
 *
 * @throws RangeError naming near ones if there is no such model.
 * @example
 * const model = models.getModel('resnet50_ibn_a', { numClasses: 10 });
 */
export function getModel<N extends string>(name: N, options?: OptionsOf<N>): ModelOf<N> {
  checkPositions('getModel', arguments, 2);
  checkText('getModel', 'the name of a model', name);
  const entry = ENTRIES.get(name);
  if (entry === undefined)
    throw new RangeError(`Unknown model "${name}"${suggestion(name, listModels(), 'models')}`);
  return entry(options) as ModelOf<N>;
}
