import { DistributedSampler } from '../../data/index.ts';
import { broadcast, broadcastObjectList, type ProcessGroup } from '../../distributed/index.ts';
import type { Module } from '../../nn/index.ts';
import { sumOverRanks } from '../metrics/sum-over-ranks.ts';
import type { Figures } from './trainer-options.ts';

/** What a batch gave on all ranks together. */
export interface Shared {
  readonly values: ReadonlyMap<string, number>;
  readonly samples: number;
  /** A rank was told to stop: all do, after the same step. */
  readonly stops: boolean;
}

/** What the ranks of one run tell each other. Alone, nothing. */
export class Ranks {
  readonly #group: ProcessGroup | undefined;

  constructor(group: ProcessGroup | undefined) {
    this.#group = group;
  }

  get count(): number {
    return this.#group?.size() ?? 1;
  }

  /** Means over the samples of all ranks. */
  async share(values: ReadonlyMap<string, number>, samples: number, stops: boolean): Promise<Shared> {
    if (this.#group === undefined) return { values, samples, stops };
    const names = [...values.keys()];
    const mine = [Number(stops), samples, ...names.map((name) => (values.get(name) as number) * samples)];
    const [told = 0, total = 0, ...rest] = await sumOverRanks(mine, { group: this.#group });
    return {
      values: new Map(names.map((name, i) => [name, (rest[i] as number) / total])),
      samples: total,
      stops: told > 0,
    };
  }

  /** On how many ranks it is so. */
  async countOf(it: boolean): Promise<number> {
    if (this.#group === undefined) return Number(it);
    const [count = 0] = await sumOverRanks([Number(it)], { group: this.#group });
    return count;
  }

  /** Gives all ranks the buffers of rank 0, which are those that are saved: after a step each has statistics of its own. */
  async alignBuffers(model: Module): Promise<void> {
    const group = this.#group;
    if (group === undefined) return;
    const [src = 0] = group.ranks;
    for (const buffer of model.buffers()) await broadcast(buffer, src, { group });
  }

  /** Rank 0's figures, so that all take the same epoch for the best, and the same step of a schedule. */
  async agree(figures: Figures | undefined): Promise<Figures | undefined> {
    if (this.#group === undefined || figures === undefined) return figures;
    const list: unknown[] = [{ ...figures }];
    const [src = 0] = this.#group.ranks;
    await broadcastObjectList(list, { group: this.#group, src });
    return list[0] as Figures;
  }
}

/** The sampler of a loader that shares its data among ranks, if it has one. */
export function distributedSamplerOf(data: unknown): DistributedSampler | undefined {
  let part = (data as { batchSampler?: unknown }).batchSampler;
  while (typeof part === 'object' && part !== null) {
    if (part instanceof DistributedSampler) return part;
    part = (part as { sampler?: unknown }).sampler;
  }
  return undefined;
}

/** Whether a run that goes on with another number of ranks had seen all of the epoch. */
export function isSharedOut(data: unknown): boolean {
  const sampler = distributedSamplerOf(data);
  return sampler !== undefined && sampler.skipped > 0 && sampler.numSamples === 0;
}
