import { type AnyOptimizer, lrScheduler } from '../../optim/index.ts';
import { mapOf, resumeError, type SavedParts } from './saved-parts.ts';
import { changedGroups, changedSchedule } from './settings.ts';
import { optimizersOf, type TrainerOptions } from './trainer-options.ts';

/** Where a file stands, and how it is taken. */
export interface Restoring {
  readonly epoch: number;
  readonly step: number;
  readonly override: boolean;
  readonly path: string;
  warn(message: string): void;
}

interface SavedOptimizer {
  readonly optimizer: AnyOptimizer;
  readonly state: unknown;
}

interface GroupSettings {
  readonly group: { lr: number };
  readonly settings: object;
}

/** The groups and what they are set to, parameters aside. */
function settingsOf(states: readonly SavedOptimizer[]): GroupSettings[] {
  return states.flatMap(({ optimizer }) =>
    optimizer.paramGroups.map((group) => {
      const { params: _, ...settings } = group;
      return { group, settings };
    }),
  );
}

function putBack(groups: readonly GroupSettings[]): void {
  for (const { group, settings } of groups) Object.assign(group, settings);
}

/** The optimizers and the schedule of a run, from a checkpoint. */
export class RecipeState<Batch> {
  readonly #options: TrainerOptions<Batch>;

  constructor(options: TrainerOptions<Batch>) {
    this.#options = options;
  }

  /** Settings are compared before anything is loaded. */
  restore(parts: SavedParts, saved: ReadonlyMap<string, unknown>, at: Restoring): void {
    const { scheduler } = this.#options;
    const states = this.#optimizerStates(parts, saved.get('optimizer'), at.path);
    const keepsSchedule = scheduler !== undefined && saved.has('scheduler') && !at.override;
    if (!at.override) this.#refuseChanges(states, saved.get('scheduler'), at.path);
    const rates = keepsSchedule ? [] : this.#catchUp(at);
    const [groups, before] = [settingsOf(states), this.#rates()];
    parts.required('optimizer', () => {
      for (const { optimizer, state } of states) optimizer.loadStateDict(state as never);
    });
    if (at.override) putBack(groups);
    else if (rates.length > 0) this.#takeRates(groups, rates, at);
    else if (scheduler === undefined) this.#tellRates(before, at);
    if (keepsSchedule)
      parts.wanted('scheduler', scheduler, (state) => scheduler?.loadStateDict(state as never));
  }

  #optimizerStates(parts: SavedParts, saved: unknown, path: string): SavedOptimizer[] {
    parts.required('optimizer', () => {});
    const optimizers = optimizersOf(this.#options);
    if (optimizers.length === 1 && optimizers[0]?.[0] === '')
      return [{ optimizer: optimizers[0][1], state: saved }];
    const states = mapOf(saved);
    return optimizers.map(([name, optimizer]) => {
      if (!states.has(name))
        throw parts.failure('optimizer', `no state of the optimizer "${name}" in ${path}`);
      return { optimizer, state: states.get(name) };
    });
  }

  #refuseChanges(states: readonly SavedOptimizer[], schedule: unknown, path: string): void {
    const { scheduler } = this.#options;
    const changes = [
      ...states.flatMap(({ optimizer, state }) => changedGroups(optimizer.stateDict(), state)),
      ...(scheduler === undefined || schedule === undefined
        ? []
        : changedSchedule(scheduler.stateDict(), schedule)),
    ];
    if (changes.length === 0) return;
    throw resumeError(
      `Expected the settings of ${path} for the optimizer and the schedule, got others; it has ${changes.join(', ')}. Set ` +
        'them as they were, or pass override to go on with these',
      path,
    );
  }

  /** The schedule may step before the optimizer does here. */
  markStepped(): void {
    for (const [, optimizer] of optimizersOf(this.#options)) optimizer.stepped = true;
  }

  /** Brings a new schedule to where the file is; the rates of the last two epochs, the earlier first. */
  #catchUp({ epoch, step, override, warn, path }: Restoring): number[][] {
    const { scheduler, schedulerStep = 'epoch' } = this.#options;
    if (scheduler === undefined) return [];
    if (scheduler instanceof lrScheduler.ReduceLROnPlateau || (schedulerStep === 'step' && step === 0)) {
      if (override)
        throw resumeError(
          `Expected a schedule that can be brought to the epoch of ${path} for override`,
          path,
        );
      warn(`${path} has no scheduler state: the schedule begins anew`);
      return [];
    }
    this.markStepped();
    const rates = [this.#rates()];
    for (let i = 0; i < (schedulerStep === 'step' ? step : epoch); i++) {
      scheduler.step();
      rates.push(this.#rates());
    }
    return rates.slice(-2);
  }

  #rates(): number[] {
    return optimizersOf(this.#options).flatMap(([, { paramGroups }]) =>
      paramGroups.map(({ lr }) => Number(lr)),
    );
  }

  /** Code of one's own may change the rate: the file's is as good as this run's. */
  #tellRates(before: readonly number[], { path, warn }: Restoring): void {
    const now = this.#rates();
    if (now.some((rate, i) => rate !== before[i]))
      warn(`The run goes on with the rate ${now.join(', ')} of ${path} (here ${before.join(', ')})`);
  }

  /** Other programs set an epoch's rate when it begins: a file has that of the epoch before. */
  #takeRates(groups: readonly GroupSettings[], rates: number[][], { path, epoch }: Restoring): void {
    const had = this.#rates();
    const fits = rates.some((some) =>
      some.every((rate, i) => Math.abs(rate - (had[i] as number)) <= 1e-6 * rate),
    );
    if (!fits)
      throw resumeError(
        `Expected the rate that this run's schedule has at epoch ${epoch}, ${rates.at(-1)?.join(', ')}, for ${path}, got ` +
          `${had.join(', ')}; set rate and schedule as they were, or pass override to go on with these`,
        path,
      );
    for (const [i, { group }] of groups.entries()) group.lr = rates.at(-1)?.[i] as number;
  }
}
