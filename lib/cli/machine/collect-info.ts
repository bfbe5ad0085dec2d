import { spawnSync } from 'node:child_process';
import { messageOf } from '../../errors.ts';
import type { Libtorch } from '../../libtorch/find/locate.ts';
import { packageVersion } from '../../libtorch/find/package-root.ts';
import { type InfoRun, runInfo } from './info-process.ts';

/** What `info --json` prints; parts that cannot be known without libtorch are null. */
export interface Info {
  version: string;
  node: string;
  platform: string;
  arch: string;
  libtorch: Pick<Libtorch, 'version' | 'flavour' | 'source' | 'root'> | null;
  binding: string | null;
  cpuCapability: string | null;
  numThreads: number | null;
  numInteropThreads: number | null;
  cuda: { available: boolean; deviceCount: number; reason: string | null };
  /** The GPUs as the NVIDIA driver lists them, with its version and their memory; empty without a driver. */
  gpus: string[];
  /** Why libtorch or the native module cannot be used, or null. */
  error: string | null;
}

/**
 * Collects what there is to know; a missing libtorch is told in `error`. libtorch and the driver are loaded in a process
 * of their own, and `error` says so where that ends it.
 */
export async function collectInfo(run: () => InfoRun = runInfo): Promise<Info> {
  const outcome = run();
  if ('info' in outcome) return outcome.info;
  return { ...(await collectBare()), error: outcome.died };
}

/** What is known without loading anything. */
async function collectBare(): Promise<Info> {
  const info: Info = {
    version: packageVersion(),
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    libtorch: null,
    binding: null,
    cpuCapability: null,
    numThreads: null,
    numInteropThreads: null,
    cuda: { available: false, deviceCount: 0, reason: 'libtorch is not loaded' },
    gpus: listGpus(),
    error: null,
  };
  try {
    const { locateLibtorch } = await import('../../libtorch/find/locate.ts');
    const { version, flavour, source, root } = locateLibtorch();
    info.libtorch = { version, flavour, source, root };
  } catch (error) {
    info.error = messageOf(error);
  }
  return info;
}

/** Collects it all in this process. */
export async function collectHere(): Promise<Info> {
  const info = await collectBare();
  if (info.error !== null) return info;
  try {
    Object.assign(info, await loadedInfo());
  } catch (error) {
    info.error = messageOf(error);
  }
  return info;
}

async function loadedInfo(): Promise<Partial<Info>> {
  const { runtimeInfo } = await import('../../tensor/index.ts');
  const { bindingPath: binding, cpuCapability, numThreads, numInteropThreads, cuda } = runtimeInfo();
  return { binding, cpuCapability, numThreads, numInteropThreads, cuda };
}

/** Asks the driver's own tool, which works whatever libtorch is installed. */
function listGpus(): string[] {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  const child = spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 5000 });
  return child.status === 0 ? child.stdout.trim().split('\n').filter(Boolean) : [];
}
