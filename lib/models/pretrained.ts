import type { Module } from '../nn/index.ts';

/** Fills a new model with published weights; throws where there are none or they have to be fetched first. */
export type PretrainedLoader = (name: string, model: Module) => void;

let loader: PretrainedLoader | undefined;

/** For the hub, which depends on this folder and not the other way round: says how weights are found. */
export function setPretrainedLoader(load: PretrainedLoader | undefined): void {
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
