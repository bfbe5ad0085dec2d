import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../cache.ts';

/** What the machine has for CUDA, learnt without libtorch. */
export interface CudaMachine {
  /** The version of the driver's library as a program finds it; null where there is none. */
  library: string | null;
  /** The version of the driver in the kernel; null without one. A container sees its host's. */
  kernel: string | null;
  /** GPUs that the kernel's driver has; null when it does not say. */
  gpus: number | null;
  /** Device files of GPUs: what a process, or a container, may reach. */
  devices: string[];
  /** The Windows Subsystem for Linux, whose driver is that of Windows. */
  isWsl: boolean;
  /** `CUDA_VISIBLE_DEVICES`, if set. */
  visible: string | undefined;
}

/** Where the facts are read; tests give folders of their own. */
export interface CudaMachineSources {
  env?: Environment;
  proc?: string;
  dev?: string;
}

// Preloaded, the driver is found by the dynamic linker as it would be for libtorch, and passed over where there is none.
// In a process of its own: a broken driver may end it. The library's real name has the version, libcuda.so.580.65.06, and
// the list of mapped files has the real name.
const LIBRARY = 'libcuda.so.1';
const PROGRAM = `
const maps = require('fs').readFileSync('/proc/self/maps', 'utf8');
process.stdout.write(/\\/libcuda\\.so\\S*/.exec(maps)?.[0] ?? '');
`;

/** Looks for the NVIDIA driver and GPUs; 50 ms. */
export function readCudaMachine(sources: CudaMachineSources = {}): CudaMachine {
  const { env = process.env, proc = '/proc', dev = '/dev' } = sources;
  const kernel = /Kernel Module[^\n]*?\s(\d+\.\d+(?:\.\d+)?)\s/.exec(
    readText(join(proc, 'driver/nvidia/version')),
  );
  const gpus = join(proc, 'driver/nvidia/gpus');
  return {
    library: libraryVersion(env),
    kernel: kernel?.[1] ?? null,
    gpus: existsSync(gpus) ? readdirSync(gpus).length : null,
    devices: existsSync(dev) ? readdirSync(dev).filter((name) => /^nvidia\d+$/.test(name)) : [],
    isWsl: existsSync(join(dev, 'dxg')),
    visible: env.CUDA_VISIBLE_DEVICES,
  };
}

/** The version in the name of the library; `unknown` where the name has none. */
function libraryVersion(env: Environment): string | null {
  const child = spawnSync(process.execPath, ['-e', PROGRAM], {
    env: {
      ...env,
      LD_PRELOAD: `${env.LD_PRELOAD ?? ''} ${LIBRARY}`.trim(),
      NODE_OPTIONS: '',
      ELECTRON_RUN_AS_NODE: '1',
    },
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  // A process that ended early met a driver, though a broken one.
  if (child.error || child.signal) return 'unknown';
  if (child.stdout === '') return null;
  return /libcuda\.so\.(\d{3}[\d.]*)$/.exec(child.stdout)?.[1] ?? 'unknown';
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
