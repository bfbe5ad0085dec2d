import type { Module } from '../nn/index.ts';
import { suggestion } from '../options.ts';
import * as resnetIbn from './resnet-ibn.ts';

/** Builds a model from its options. */
export type ModelEntry = (options?: resnetIbn.EntryOptions) => resnetIbn.ResNet_IBN;

const ENTRIES = new Map<string, ModelEntry>(
  Object.entries(resnetIbn).filter((entry): entry is [string, ModelEntry] => /^[a-z]/.test(entry[0])),
);

/**
 * Names of the models, in alphabetical order with depths as numbers.
 *
 * @param options `filter`: a part of the name, or a pattern.
 * @example
 * models.listModels({ filter: 'ibn_b' }); // ['resnet18_ibn_b', ...]
 */
export function listModels(options: { filter?: string | RegExp } = {}): string[] {
  const { filter = '' } = options;
  const fits = (name: string): boolean =>
    typeof filter === 'string' ? name.includes(filter) : filter.test(name);
  return [...ENTRIES.keys()].filter(fits).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/**
 * Builds a model by name.
 *
 * @throws RangeError naming near ones if there is no such model.
 * @example
 * const model = models.getModel('resnet50_ibn_a', { numClasses: 10 });
 */
export function getModel(name: string, options: resnetIbn.EntryOptions = {}): resnetIbn.ResNet_IBN & Module {
  const entry = ENTRIES.get(name);
  if (entry === undefined)
    throw new RangeError(`Unknown model "${name}"${suggestion(name, listModels(), 'models')}`);
  return entry(options);
}
