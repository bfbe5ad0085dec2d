import {
  broadcastObjectList,
  destroyProcessGroup,
  getRank,
  getWorldSize,
  initProcessGroup,
} from '../../distributed/index.ts';
import { type Module, parallel } from '../../nn/index.ts';
import type { TrainStreams } from './train.ts';

/** Where ranks other than the first write. */
export const SILENT: TrainStreams = { stdout: { write: () => true }, stderr: { write: () => true } };

/** This process among those of the run. */
export interface RunRanks {
  /** It writes, and tells how the run goes. */
  readonly isFirst: boolean;
  /** The options with what all ranks must have alike, and the device that is this rank's. */
  settle<T extends { readonly seed: number; readonly device: string }>(config: T): Promise<T>;
  /** The model over all ranks; undefined where there is one. */
  distribute(model: Module): Promise<parallel.DistributedDataParallel | undefined>;
  leave(): Promise<void>;
}

const ALONE: RunRanks = {
  isFirst: true,
  settle: async (config) => config,
  distribute: async () => undefined,
  leave: async () => {},
};

/** Meets the other ranks that torchrun, `ibn-net launch`, SLURM or Kubernetes started. */
export async function joinRanks(): Promise<RunRanks> {
  if (!(Number(process.env.WORLD_SIZE) > 1)) return ALONE;
  await initProcessGroup();
  return {
    isFirst: getRank() === 0,
    settle: async (config) => {
      const seeds: unknown[] = [config.seed];
      await broadcastObjectList(seeds);
      return { ...config, seed: seeds[0] as number, device: ownDevice(config.device) };
    },
    distribute: async (model) =>
      getWorldSize() > 1 ? await parallel.DistributedDataParallel.create(model) : undefined,
    leave: async () => await destroyProcessGroup(),
  };
}

/** A device for each rank of a machine. */
function ownDevice(device: string): string {
  return device === 'cuda' ? `cuda:${process.env.LOCAL_RANK ?? 0}` : device;
}
