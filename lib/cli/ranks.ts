import {
  allGatherObject,
  broadcastObjectList,
  destroyProcessGroup,
  getRank,
  getWorldSize,
  initProcessGroup,
} from '../distributed/index.ts';
import type { StatusStream } from '../net/status-line.ts';
import { type Module, parallel } from '../nn/index.ts';
import { sumOverRanks } from '../train/metrics/sum-over-ranks.ts';

/** Where a command writes. */
export interface RankStreams {
  stdout: { write(text: string): unknown };
  stderr: StatusStream;
}

/** Where ranks other than the first write. */
export const SILENT: RankStreams = { stdout: { write: () => true }, stderr: { write: () => true } };

/** This process among those of a command. */
export interface CommandRanks {
  /** It writes, and tells how the command goes. */
  readonly isFirst: boolean;
  readonly isShared: boolean;
  /** The options with what all ranks must have alike, and the device that is this rank's. */
  settle<T extends { readonly seed: number; readonly device: string }>(config: T): Promise<T>;
  /** A device for each rank of a machine. */
  deviceOf(device: string): string;
  /** The model over all ranks; undefined where there is one. */
  distribute(model: Module): Promise<parallel.DistributedDataParallel | undefined>;
  /** Puts together what all ranks counted. */
  total(metrics: { allReduce(): Promise<void> }): Promise<void>;
  /** Over all ranks. */
  sum(value: number): Promise<number>;
  /** The lists of all ranks, one behind the other. */
  gather<T>(values: readonly T[]): Promise<readonly T[]>;
  leave(): Promise<void>;
}

const ALONE: CommandRanks = {
  isFirst: true,
  isShared: false,
  settle: async (config) => config,
  deviceOf: (device) => device,
  distribute: async () => undefined,
  total: async () => {},
  sum: async (value) => value,
  gather: async (values) => values,
  leave: async () => {},
};

/** Meets the other ranks that torchrun, `ibn-net launch`, SLURM or Kubernetes started. */
export async function joinRanks(): Promise<CommandRanks> {
  if (!(Number(process.env.WORLD_SIZE) > 1)) return ALONE;
  await initProcessGroup();
  return {
    isFirst: getRank() === 0,
    isShared: true,
    settle: async (config) => {
      const seeds: unknown[] = [config.seed];
      await broadcastObjectList(seeds);
      return { ...config, seed: seeds[0] as number, device: deviceOf(config.device) };
    },
    deviceOf,
    distribute: async (model) =>
      getWorldSize() > 1 ? await parallel.DistributedDataParallel.create(model) : undefined,
    total: async (metrics) => await metrics.allReduce(),
    sum: async (value) => (await sumOverRanks([value]))[0] as number,
    gather: async (values) => (await allGatherObject(values)).flat() as never,
    leave: async () => await destroyProcessGroup(),
  };
}

function deviceOf(device: string): string {
  return device === 'cuda' ? `cuda:${process.env.LOCAL_RANK ?? 0}` : device;
}
