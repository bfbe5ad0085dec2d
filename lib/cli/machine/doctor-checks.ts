import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder, type Environment } from '../../cache.ts';
import { type Libtorch, locateLibtorch } from '../../libtorch/find/locate.ts';
import {
  findNativeModule,
  librariesOf,
  minorsIn,
  type NativeModule,
  nativeFolders,
  prebuiltFolder,
} from '../../libtorch/find/native-module.ts';
import { DEFAULT_CUDA_VERSION, parseVersion, type TorchVersion } from '../../libtorch/find/torch-version.ts';
import { writeProblem } from '../../libtorch/install/writable.ts';
import { type CudaMachine, readCudaMachine } from '../../libtorch/load/cuda-driver.ts';
import { cudaProblem } from '../../libtorch/load/cuda-problems.ts';
import { diedProblem, libcProblem, missingModule } from '../../libtorch/load/load-problems.ts';
import { readSystem, type System } from '../../libtorch/load/system.ts';
import { type LoadPaths, type Trial, tryLoading } from '../../libtorch/load/trial.ts';
import { type Problem, problemMessage } from '../../problem.ts';
import type { Info } from './collect-info.ts';
import { type InfoRun, runInfo } from './info-process.ts';

/** One thing that was looked at. */
export interface Check {
  name: string;
  /** What was found, in a line. */
  found: string;
  /** The whole message where something is wrong: what was found, what is needed, the commands that fix it. */
  problem?: string;
  /** Whether the problem is only worth knowing: nothing that was asked for fails by it. */
  isNote?: true;
}

/** What the checks look at; tests answer in the machine's place. */
export interface DoctorOptions {
  /** Whether CUDA is wanted: what stands in its way is then a failure, with a CPU build too. */
  cuda?: boolean | undefined;
  env?: Environment;
  system?: System;
  machine?: () => CudaMachine;
  trial?: (paths: LoadPaths) => Trial;
  info?: () => InfoRun;
}

/** Looks at everything in turn. What could end a process is loaded in one of its own. */
export function examine(options: DoctorOptions = {}): Check[] {
  const {
    env = process.env,
    system = readSystem(),
    machine = readCudaMachine,
    cuda: wanted = false,
  } = options;
  const checks = [checkSystem(system), checkCache(env)];
  const { check, found: libtorch } = checkLibtorch(env);
  checks.push(check);
  let state: Info['cuda'] | undefined;
  if (libtorch) {
    const native = checkNative(libtorch, system, options);
    checks.push(native.check);
    state = native.info?.cuda;
  }
  return [...checks, checkCuda({ libtorch, system, wanted, machine: machine(), state })];
}

/** Whether something that was asked for cannot work. */
export function hasFailed(checks: readonly Check[]): boolean {
  return checks.some(({ problem, isNote }) => problem !== undefined && !isNote);
}

/** A line for each check, then the messages of those that found something. */
export function formatChecks(checks: readonly Check[]): string {
  const sign = ({ problem, isNote }: Check) => (problem === undefined ? 'ok' : isNote ? 'note' : 'FAILED');
  const lines = checks.map((check) => `${sign(check).padEnd(8)}${check.name.padEnd(15)}${check.found}`);
  const messages = checks.flatMap(({ problem }) => (problem === undefined ? [] : ['', problem]));
  return [...lines, ...messages].join('\n');
}

function check(name: string, found: string, problem?: Problem, isNote = false): Check {
  if (!problem) return { name, found };
  return { name, found, problem: problemMessage(problem), ...(isNote && { isNote }) };
}

function checkSystem(system: System): Check {
  const libc = system.libc === 'none' ? [] : [`${system.libc} ${system.libcVersion}`.trim()];
  const found = [`${system.platform}-${system.arch}`, ...libc, system.name, `Node ${process.versions.node}`];
  return check('system', found.filter(Boolean).join(', '), libcProblem(system));
}

/** A cache that cannot be written fails an installation, not a program. */
function checkCache(env: Environment): Check {
  const cache = cacheFolder(env);
  let folder = cache;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  try {
    rmdirSync(mkdtempSync(join(folder, '.ibn-net-doctor-')));
    return check('cache folder', `${cache}${folder === cache ? '' : ', not made yet'}`);
  } catch (error) {
    return check(
      'cache folder',
      `${cache}, not writable`,
      writeProblem(error, cache, 'npx ibn-net install-libtorch'),
      true,
    );
  }
}

function checkLibtorch(env: Environment): { check: Check; found?: Libtorch } {
  try {
    const found = locateLibtorch({ env });
    const { version, flavour, source, root } = found;
    return { check: { name: 'libtorch', found: `${version}+${flavour} (${source}) ${root}` }, found };
  } catch (error) {
    return { check: { name: 'libtorch', found: 'none', problem: (error as Error).message } };
  }
}

interface NativeCheck {
  check: Check;
  /** What the loaded libtorch says. */
  info?: Info;
}

function checkNative(libtorch: Libtorch, system: System, options: DoctorOptions): NativeCheck {
  const name = 'native module';
  const native = findNativeModule(libtorch, nativeFolders(options.env ? { env: options.env } : {}));
  if ('missing' in native) {
    const problem = missingModule({ libtorch, system }, native.missing, minorsIn(prebuiltFolder()));
    return { check: check(name, 'none', problem) };
  }
  return checkLoading(
    { name, found: `${native.binding} (${native.source})` },
    libtorch,
    native,
    system,
    options,
  );
}

/** A crash is told apart here; what the dynamic linker refuses is told by the loader, in a process of its own too. */
function checkLoading(
  result: Check,
  libtorch: Libtorch,
  { shim, binding }: NativeModule,
  system: System,
  { trial = tryLoading, info = runInfo }: DoctorOptions,
): NativeCheck {
  const outcome = trial({ shim, libraries: librariesOf(libtorch), binding });
  if (outcome.kind === 'died') {
    return { check: check(result.name, result.found, diedProblem({ libtorch, binding, system }, outcome)) };
  }
  const run = info();
  const message = 'died' in run ? run.died : run.info.error;
  if (message !== null) return { check: { ...result, problem: message } };
  const loads = outcome.kind === 'loaded' ? `, loads in ${outcome.milliseconds} ms` : '';
  const loaded = { check: { ...result, found: `${result.found}${loads}` } };
  return 'info' in run ? { ...loaded, info: run.info } : loaded;
}

interface CudaLook {
  libtorch: Libtorch | undefined;
  system: System;
  /** The kind of check: `--cuda` was given. */
  wanted: boolean;
  machine: CudaMachine;
  /** What libtorch says, where it could be asked. */
  state: Info['cuda'] | undefined;
}

function checkCuda(look: CudaLook): Check {
  const { libtorch, state } = look;
  if (state?.available) return { name: 'CUDA', found: `${state.deviceCount} device(s)` };
  return libtorch?.flavour.startsWith('cu') ? checkCudaBuild(libtorch, look) : checkCpuBuild(look);
}

function checkCudaBuild({ version, flavour }: Libtorch, { state, ...look }: CudaLook): Check {
  if (!state) return check('CUDA', 'unknown, since libtorch is not loaded');
  // Less the binding's own advice, which knows nothing of the machine.
  const reason = state.reason?.replace(/; (check|update) .*$/, '');
  return check('CUDA', 'not available', cudaProblem({ ...look, version, flavour, reason }));
}

/** The machine comes first: a build of some gigabytes does not help one without a driver. */
function checkCpuBuild(look: CudaLook): Check {
  const cuda = parseVersion(DEFAULT_CUDA_VERSION) as TorchVersion;
  const cpu = { version: look.libtorch?.version ?? cuda.version, flavour: 'cpu' };
  if (look.wanted) {
    return check(
      'CUDA',
      'not available',
      cudaProblem({ ...look, ...cuda }) ?? cudaProblem({ ...look, ...cpu }),
    );
  }
  const hasDriver = look.machine.library !== null || look.machine.kernel !== null;
  return check(
    'CUDA',
    'not used by a CPU build',
    hasDriver ? cudaProblem({ ...look, ...cpu }) : undefined,
    true,
  );
}
