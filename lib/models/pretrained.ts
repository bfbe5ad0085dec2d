import type { Module } from '../nn/index.ts';
import { deferDraws } from '../nn/init/defer-draws.ts';
import { checkFunction, checkOptions, checkPositions } from '../options.ts';

/** Fills a new model with published weights; throws where there are none or they have to be fetched first. */
export type PretrainedLoader = (name: string, model: Module) => void;

let loader: PretrainedLoader | undefined;

/** For the hub, which depends on this folder and not the other way round: says how weights are found. */
export function setPretrainedLoader(load: PretrainedLoader | undefined): void {
  checkPositions('setPretrainedLoader', arguments, 1);
  if (load !== undefined) checkFunction('setPretrainedLoader', load);
  loader = load;
}

/** Fills `model` with the weights published for `name`. */
export function loadPretrained(name: string, model: Module): void {
  if (loader !== undefined) {
    loader(name, model);
    return;
  }
  throw new RangeError(
    `Expected pretrained to be false for ${name}, got true; load a checkpoint with model.loadStateDict(load(path))`,
  );
}

/** What every entry point takes besides the options of its class. */
export interface PretrainedOption {
  /** Load the published weights. Default false. */
  pretrained?: boolean;
}

/**
 * What an entry point does: checks the option names, builds, and loads weights where asked to.
 *
 * @param known Options that `make` understands.
 */
export function buildEntry<O extends PretrainedOption, M extends Module>(
  name: string,
  known: readonly string[],
  options: O,
  make: (options: Omit<O, 'pretrained'>) => M,
): M {
  checkOptions(name, options, [...known, 'pretrained']);
  const { pretrained = false, ...rest } = options;
  const model = deferDraws(() => make(rest));
  if (pretrained) loadPretrained(name, model);
  return model;
}
