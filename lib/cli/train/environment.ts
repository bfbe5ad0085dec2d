import { cpus, hostname, totalmem } from 'node:os';
import { packageVersion } from '../../libtorch/find/package-root.ts';
import { getNumThreads, runtimeInfo } from '../../tensor/index.ts';
import type { Environment } from '../../train/index.ts';

/** On what the run is done, now. */
export function environmentNow(device: string): Environment {
  const { torchVersion, cpuCapability, libtorch } = runtimeInfo();
  return {
    started: new Date().toISOString(),
    host: hostname(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    threads: getNumThreads(),
    kernels: cpuCapability,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    device,
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
    libtorch: `${torchVersion} (${libtorch.flavour})`,
    'ibn-net': packageVersion(),
  };
}
