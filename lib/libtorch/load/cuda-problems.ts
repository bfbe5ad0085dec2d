import { type Problem, problemMessage } from '../../problem.ts';
import { compareVersions } from '../wheels/specifier.ts';
import { type CudaMachine, readCudaMachine } from './cuda-driver.ts';
import { readSystem, type System } from './system.ts';

/** The oldest driver for each major release of CUDA (NVIDIA's release notes, table "CUDA Toolkit and drivers"). */
const OLDEST_DRIVER: Readonly<Record<string, string>> = {
  12: '525.60.13',
  13: '580.65.06',
};

const ON_CPU = "Run on the CPU meanwhile, which this build can: device: 'cpu'";

/** What is known when CUDA cannot be used. */
export interface CudaFacts {
  /** As in `cu130`. */
  flavour: string;
  version: string;
  machine: CudaMachine;
  system: System;
  /** libtorch's own reason, where it was asked. */
  reason?: string | undefined;
}

/** Why CUDA cannot be used and what to do, or undefined when the machine has what this libtorch needs. */
export function cudaProblem(facts: CudaFacts): Problem | undefined {
  if (!/^cu/.test(facts.flavour)) return cpuBuild(facts);
  const { machine, reason } = facts;
  if (machine.library === null) return noDriver(facts);
  if (isTooOld(facts)) return tooOld(facts);
  if (isMismatch(machine)) return mismatch(facts);
  if (hasNoGpu(facts)) return noGpu(facts);
  if (reason === undefined) return undefined;
  const solutions = ['Look at the driver, whose own tool must list the GPU: nvidia-smi', ON_CPU];
  return problem(facts, 'ERR_CUDA', `Could not use CUDA with ${buildOf(facts)}`, solutions);
}

/** `13.0` of `cu130`; empty for an unknown flavour. */
function cudaOf(flavour: string): string {
  const digits = /^cu(\d+)(\d)$/.exec(flavour);
  return digits ? `${digits[1]}.${digits[2]}` : '';
}

function buildOf({ version, flavour }: CudaFacts): string {
  return `libtorch ${version}+${flavour}`;
}

function oldestDriver(flavour: string): string | undefined {
  return OLDEST_DRIVER[cudaOf(flavour).split('.')[0] ?? ''];
}

function neededDriver(facts: CudaFacts): string {
  const oldest = oldestDriver(facts.flavour);
  const driver = oldest ? `NVIDIA driver ${oldest} or newer` : 'an NVIDIA driver';
  return `Expected ${driver} for CUDA ${cudaOf(facts.flavour)} (${buildOf(facts)})`;
}

function problem(facts: CudaFacts, code: string, headline: string, solutions: string[]): Problem {
  const details = facts.reason === undefined ? [] : [`libtorch says: ${facts.reason}`];
  return { code, headline, details, solutions };
}

function cpuBuild(facts: CudaFacts): Problem {
  const headline = `Expected a CUDA build of libtorch, got ${buildOf(facts)}`;
  const solutions = ['Install the CUDA build: npx ibn-net install-libtorch --cuda'];
  return { code: 'ERR_CUDA_CPU_BUILD', headline, solutions };
}

function noDriver(facts: CudaFacts): Problem {
  const { kernel, isWsl } = facts.machine;
  if (kernel !== null && !isWsl) {
    const headline = `${neededDriver(facts)}, got none that a program can find, though the kernel has driver ${kernel}`;
    return problem(facts, 'ERR_CUDA_NO_DRIVER', headline, [
      'In a container, give it the GPUs (NVIDIA Container Toolkit on the host): docker run --gpus all IMAGE',
      ...installDriver(facts),
    ]);
  }
  return problem(facts, 'ERR_CUDA_NO_DRIVER', `${neededDriver(facts)}, got none`, [
    ...installDriver(facts),
    ON_CPU,
  ]);
}

function isTooOld({ flavour, machine: { library }, reason = '' }: CudaFacts): boolean {
  const oldest = oldestDriver(flavour);
  const known = library !== null && library !== 'unknown' && oldest !== undefined;
  return /driver.*too old|insufficient/i.test(reason) || (known && compareVersions(library, oldest) < 0);
}

function tooOld(facts: CudaFacts): Problem {
  const { library, kernel } = facts.machine;
  const found = library === 'unknown' ? (kernel ?? 'an older one') : library;
  const headline = `${neededDriver(facts)}, got ${found}`;
  return problem(facts, 'ERR_CUDA_DRIVER_TOO_OLD', headline, [...installDriver(facts), ON_CPU]);
}

function isMismatch({ library, kernel, isWsl }: CudaMachine): boolean {
  return !isWsl && library !== null && library !== 'unknown' && kernel !== null && library !== kernel;
}

function mismatch(facts: CudaFacts): Problem {
  const { library, kernel } = facts.machine;
  const headline = `Expected one NVIDIA driver, got ${kernel} in the kernel and ${library} as its library`;
  return problem(facts, 'ERR_CUDA_DRIVER_MISMATCH', headline, [
    'After a driver update, restart: sudo reboot',
    'In a container, let the toolkit bring the library, not the image: docker run --gpus all IMAGE',
  ]);
}

function hasNoGpu({ machine: { gpus, devices, kernel, isWsl, visible }, reason = '' }: CudaFacts): boolean {
  if (isHidden(visible) || /No CUDA GPUs are available|no CUDA-capable device/i.test(reason)) return true;
  return !isWsl && (gpus === 0 || kernel === null || devices.length === 0);
}

/** CUDA ends its list at the first entry that names no device. */
function isHidden(visible: string | undefined): boolean {
  return visible !== undefined && (visible.trim() === '' || visible.trim().startsWith('-1'));
}

function noGpu(facts: CudaFacts): Problem {
  const { visible, gpus, devices, library } = facts.machine;
  const solutions: string[] = [];
  if (visible !== undefined) solutions.push('Let programs see the GPUs: unset CUDA_VISIBLE_DEVICES');
  if (gpus && devices.length === 0)
    solutions.push('In a container, give it the GPUs: docker run --gpus all IMAGE');
  if (!gpus) solutions.push('Look for a GPU: lspci | grep -i nvidia');
  const set = visible === undefined ? '' : ` (CUDA_VISIBLE_DEVICES="${visible}")`;
  const headline = `Expected an NVIDIA GPU for ${buildOf(facts)}, got none${set}; the driver is ${library}`;
  return problem(facts, 'ERR_CUDA_NO_GPU', headline, [...solutions, ON_CPU]);
}

/** The command that installs a driver that is new enough, by distribution. */
function installDriver({ flavour, system, machine }: CudaFacts): string[] {
  const oldest = oldestDriver(flavour);
  const branch = oldest?.split('.')[0];
  const page = 'https://www.nvidia.com/drivers';
  if (machine.isWsl) return [`Update the driver of Windows, then: wsl --shutdown (${page})`];
  if (/\bubuntu\b/.test(system.family) && branch) {
    return [`Install the driver and restart: sudo apt-get install nvidia-driver-${branch} && sudo reboot`];
  }
  if (/\b(rhel|fedora|centos)\b/.test(system.family) && branch) {
    return [
      `Install the driver from NVIDIA's repository and restart: sudo dnf module install nvidia-driver:${branch} && sudo reboot`,
    ];
  }
  return [`Install the driver and restart: ${page}`];
}

/**
 * The whole message for a libtorch whose CUDA cannot be used: what was found, what is needed, and the commands that
 * help. `reason` is libtorch's own. Starts a process that looks for the driver, 50 ms.
 */
export function explainCuda(libtorch: { flavour: string; version: string }, reason: string): string {
  const facts = { ...libtorch, reason, machine: readCudaMachine(), system: readSystem() };
  const found = cudaProblem(facts);
  return found ? problemMessage(found) : reason;
}
