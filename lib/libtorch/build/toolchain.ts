import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Environment } from '../../cache.ts';
import type { Problem } from '../../problem.ts';
import { compareVersions } from '../wheels/specifier.ts';
import type { System } from '../load/system.ts';

/** Gives what a command prints, or undefined when it cannot be run; tests answer in its place. */
export type RunTool = (command: string, args: string[]) => string | undefined;

/** What compiling needs. */
interface Tool {
  /** In words, with the oldest version that will do. */
  needed: string;
  /** What was found instead, or undefined when all is well. */
  wrong(run: RunTool, env: Environment): string | undefined;
}

const CMAKE = '3.18';
const OLDEST: Readonly<Record<string, string>> = { gcc: '11', clang: '14' };

const TOOLS: readonly Tool[] = [
  { needed: `cmake ${CMAKE} or newer`, wrong: wrongCmake },
  { needed: `a C++20 compiler, g++ ${OLDEST.gcc} or clang++ ${OLDEST.clang} or newer`, wrong: wrongCompiler },
  { needed: 'make or ninja', wrong: wrongGenerator },
];

const NVCC: Tool = { needed: 'nvcc of CUDA 12 or 13', wrong: wrongNvcc };

/** Runs tools that are on the PATH of an environment. */
export function toolsOf(env: Environment): RunTool {
  return (command, args) => {
    const { status, stdout } = spawnSync(command, args, { env, encoding: 'utf8', timeout: 20_000 });
    return status === 0 ? stdout : undefined;
  };
}

/** What is compiled, and how tools are run. */
export interface ToolchainOptions {
  /** Whether nvcc is needed too. */
  cuda?: boolean | undefined;
  run?: RunTool;
}

/** What is missing to compile the native module, in one message with the command that installs it. */
export function toolchainProblem(
  system: System,
  env: Environment,
  { cuda = false, run = toolsOf(env) }: ToolchainOptions = {},
): Problem | undefined {
  const tools = cuda ? [...TOOLS, NVCC] : TOOLS;
  const details = tools.flatMap(({ needed, wrong }) => {
    const found = wrong(run, env);
    return found === undefined ? [] : [`expected ${needed}, got ${found}`];
  });
  if (details.length === 0) return undefined;
  return {
    code: 'ERR_TOOLCHAIN',
    headline: 'Could not compile the native module',
    details,
    solutions: [
      ...installTools(system),
      'Use a libtorch for which it comes prebuilt: npx ibn-net install-libtorch',
    ],
  };
}

function wrongCmake(run: RunTool): string | undefined {
  const text = run('cmake', ['--version']);
  if (text === undefined) return 'none on PATH';
  const version = /version (\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1] ?? '0';
  return compareVersions(version, CMAKE) < 0 ? `cmake ${version}` : undefined;
}

// cmake-js takes CMake's choice, which is $CXX or the first that is on PATH.
function wrongCompiler(run: RunTool, env: Environment): string | undefined {
  const found: string[] = [];
  for (const command of env.CXX ? [env.CXX] : ['g++', 'clang++']) {
    const text = run(command, ['--version']);
    if (text === undefined) continue;
    const kind = /clang/i.test(text) ? 'clang' : 'gcc';
    const version = /(?:version |\) )(\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1] ?? '0';
    if (compareVersions(version, OLDEST[kind] ?? '0') >= 0) return undefined;
    found.push(`${command} ${version}`);
  }
  return found.join(' and ') || (env.CXX ? `CXX=${env.CXX}, which cannot be run` : 'none on PATH');
}

function wrongGenerator(run: RunTool): string | undefined {
  const found = ['ninja', 'make'].some((command) => run(command, ['--version']) !== undefined);
  return found ? undefined : 'neither on PATH';
}

function wrongNvcc(run: RunTool, env: Environment): string | undefined {
  const homes = [env.CUDA_HOME, env.CUDA_PATH, '/usr/local/cuda'].filter((home) => home !== undefined);
  const places = ['nvcc', ...homes.map((home) => join(home, 'bin', 'nvcc'))];
  const found = places.some((place) => run(place, ['--version']) !== undefined);
  return found ? undefined : 'none on PATH or in CUDA_HOME (https://developer.nvidia.com/cuda-downloads)';
}

/** The command that installs the tools, by distribution. */
function installTools({ platform, family }: System): string[] {
  if (platform === 'darwin') return ['Install them: xcode-select --install && brew install cmake'];
  const commands: [RegExp, string][] = [
    [/\b(debian|ubuntu)\b/, 'sudo apt-get install cmake g++ make'],
    [/\b(rhel|fedora|centos)\b/, 'sudo dnf install cmake gcc-c++ make'],
    [/\bsuse\b/, 'sudo zypper install cmake gcc-c++ make'],
    [/\barch\b/, 'sudo pacman -S cmake gcc make'],
  ];
  const known = commands.find(([pattern]) => pattern.test(family))?.[1];
  return known
    ? [`Install them: ${known}`]
    : ["Install cmake, g++ and make with the system's package manager"];
}
