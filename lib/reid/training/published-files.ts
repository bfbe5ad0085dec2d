import { join } from 'node:path';
import { save } from '../../checkpoint/index.ts';
import { messageOf } from '../../errors.ts';
import type { Module } from '../../nn/index.ts';
import type { Callbacks, EpochReport } from '../../train/index.ts';
import type { ReIDLayout } from '../models/layouts/finding.ts';

/** Weights alone, as the published code of the network writes and reads them. */
export const BEST_WEIGHTS = 'weights_best.pth';
export const LAST_WEIGHTS = 'weights_last.pth';

/** Writes the weights that are evaluated, the average's where there is one: after the best epoch and the last. */
export class PublishedFiles implements Callbacks {
  readonly #folder: string;
  readonly #layout: ReIDLayout;
  readonly #model: Module;
  readonly #warn: (message: string) => void;

  constructor(folder: string, layout: ReIDLayout, model: Module, warn: (message: string) => void) {
    this.#folder = folder;
    this.#layout = layout;
    this.#model = model;
    this.#warn = warn;
  }

  onEpoch({ epoch, epochs, isBest }: EpochReport): void {
    if (isBest) this.#write(BEST_WEIGHTS, epoch + 1);
    if (epoch + 1 === epochs) this.#write(LAST_WEIGHTS, epoch + 1);
  }

  #write(name: string, epoch: number): void {
    try {
      save(this.#content(epoch), join(this.#folder, name));
    } catch (error) {
      this.#warn(`${name} could not be written: ${messageOf(error)}; the run goes on`);
    }
  }

  #content(epoch: number): unknown {
    const state = this.#model.stateDict();
    if (this.#layout === 'reid-strong-baseline') return state;
    return this.#layout === 'fast-reid' ? { model: state, epoch } : { state_dict: state, epoch };
  }
}
