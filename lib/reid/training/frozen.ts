import type { Module, Parameter } from '../../nn/index.ts';
import type { Callbacks } from '../../train/index.ts';
import type { ReidTrainConfig } from './presets.ts';

/** Parts of a network that rest in the first iterations: no step changes them, and their norms keep their statistics. */
export class FrozenParts implements Callbacks {
  readonly #iterations: number;
  readonly #modules: readonly Module[];
  readonly #parameters: readonly Parameter[];
  #step = 0;

  constructor(model: Module, { freezeLayers = [], freezeIters = Number.POSITIVE_INFINITY }: ReidTrainConfig) {
    this.#iterations = freezeIters;
    const isUnder = (name: string) =>
      freezeLayers.some((layer) => name === layer || name.startsWith(`${layer}.`));
    this.#modules = [...model.namedModules()].filter(([name]) => isUnder(name)).map(([, module]) => module);
    this.#parameters = [...model.namedParameters()].filter(([name]) => isUnder(name)).map(([, one]) => one);
    const names = [...model.namedModules()].map(([name]) => name);
    const unknown = freezeLayers.find((layer) => !names.includes(layer));
    if (unknown === undefined) return;
    const known = [...model.namedChildren()].map(([name]) => name).join(', ');
    throw new RangeError(`Expected parts of the network for freezeLayers, got "${unknown}"; known: ${known}`);
  }

  onResume(_path: string, _epoch: number, _batch: number, step: number): void {
    this.#step = step;
  }

  onStep({ step }: { step: number }): void {
    this.#step = step;
  }

  /** Before a forward: whether norms learn. */
  prepare(): void {
    const isTraining = this.#step >= this.#iterations;
    for (const module of this.#modules) module.training = isTraining;
  }

  /** Before a step: an optimizer leaves alone what has no gradient. */
  beforeStep(): void {
    if (this.#step >= this.#iterations) return;
    for (const parameter of this.#parameters) parameter.grad = null;
  }
}
