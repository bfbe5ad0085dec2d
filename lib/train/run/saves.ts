import { messageOf } from '../../errors.ts';
import { TrainError } from '../errors.ts';
import { CheckpointFolder } from './checkpoint-folder.ts';
import type { Progress, RunState } from './run-state.ts';
import type { Callbacks, TrainerOptions } from './trainer-options.ts';

/** The checkpoints of a run: when one cannot be written or read, the run goes on where that does no harm. */
export class Saves<Batch> {
  readonly #folder: CheckpointFolder | undefined;
  readonly #state: RunState<Batch>;
  readonly #callbacks: readonly Callbacks[];
  /** Rank 0 alone. */
  readonly #writes: boolean;
  /** The newest that was written or read. */
  newest: string | undefined;
  #step: number | undefined;

  constructor({ output, keepLast = 2, callbacks = [], ddp }: TrainerOptions<Batch>, state: RunState<Batch>) {
    this.#folder = output === undefined ? undefined : new CheckpointFolder(output, keepLast);
    this.#state = state;
    this.#writes = ddp === undefined || ddp.processGroup.rank() === 0;
    this.#callbacks = [callbacks].flat();
  }

  /** Puts everything back from a file; undefined where there is none yet. */
  resume(from: string, override: boolean): Progress | undefined {
    const candidates = from === 'auto' ? (this.#folder?.candidates() ?? []) : [from];
    for (const [index, path] of candidates.entries()) {
      try {
        const progress = this.#state.restore(path, override, (message) => this.warn(message));
        this.newest = path;
        this.tell((callbacks) => callbacks.onResume?.(path, progress.epoch, progress.batch, progress.step));
        return progress;
      } catch (error) {
        const isLast = index === candidates.length - 1;
        if (isLast || error instanceof TrainError) throw error;
        this.warn(`${messageOf(error)}; the checkpoint before it is taken`);
      }
    }
    return undefined;
  }

  /**
   * Whether it was written, where there is a folder.
   *
   * @param isLast there will be no other that makes up for it
   */
  save(progress: Progress, isBest: boolean, isLast: boolean): boolean {
    if (this.#folder === undefined || !this.#writes) return true;
    try {
      const path = this.#folder.save(this.#state.dict(progress), progress.step, isBest);
      this.newest = path;
      this.#step = progress.step;
      this.tell((callbacks) => callbacks.onSave?.(path));
      return true;
    } catch (cause) {
      const message = `The checkpoint of step ${progress.step} could not be written: ${messageOf(cause)}`;
      if (isLast) throw new TrainError(message, { code: 'ERR_TRAIN_SAVE', path: this.newest, cause });
      this.warn(`${message}; the run goes on, and tries again at the next`);
      return false;
    }
  }

  /** The data failed: what was trained is kept, where batches of one step are not under way. */
  keep(progress: Progress, isBetweenSteps: boolean): void {
    const { epoch, batch, step } = progress;
    if (this.#folder === undefined || step === 0) return;
    if (isBetweenSteps && this.#step !== step) this.save(progress, false, false);
    if (this.newest !== undefined)
      this.warn(`The data failed in epoch ${epoch}, behind batch ${batch}; ${this.newest} has the run`);
  }

  warn(message: string): void {
    if (!this.#callbacks.some(({ onWarning }) => onWarning))
      process.emitWarning(message, { code: 'IBN_TRAIN' });
    this.tell((callbacks) => callbacks.onWarning?.(message));
  }

  tell(tell: (callbacks: Callbacks) => void): void {
    for (const callbacks of this.#callbacks) tell(callbacks);
  }
}
