import type { Problem } from '../../problem.ts';
import type { Libtorch } from '../find/locate.ts';
import { minorOf } from '../find/native-module.ts';
import { hasRightLibc, OLDEST_GLIBC, type System } from './system.ts';
import type { Trial } from './trial.ts';

/** What is known when the native module could not be loaded. */
export interface LoadFacts {
  libtorch: Pick<Libtorch, 'root' | 'version' | 'flavour' | 'source'>;
  binding: string;
  system: System;
}

const NEWER_SYSTEM =
  'Use Debian 10, Ubuntu 20.04, RHEL 8 or a later one, in a container for example: docker run -it node:22-slim';
const COMPILE = 'Compile the native module for it here: npx ibn-net build';
const COPY =
  'Where a tool copied the package, let it copy the whole of it; Next.js: outputFileTracingIncludes (docs/bundlers.md)';

/** The problem with the system's C library, if there is one. */
export function libcProblem(system: System): Problem | undefined {
  if (hasRightLibc(system)) return undefined;
  const named = system.name ? ` (${system.name})` : '';
  const found = { glibc: `glibc ${system.libcVersion}`, musl: 'musl', none: 'another C library' }[
    system.libc
  ];
  return {
    code: 'ERR_LIBC',
    headline: `Expected glibc ${OLDEST_GLIBC} or newer for libtorch, got ${found}${named}`,
    solutions: [NEWER_SYSTEM],
  };
}

/** Whether the package brings binaries for a system. */
const isPrebuilt = ({ platform, arch }: System): boolean => platform === 'linux' && arch === 'x64';

/**
 * There is no native module for this libtorch: neither compiled here nor prebuilt. `lacksPrebuilds`: an installed package
 * has not even the folder.
 */
export function missingModule(
  facts: Omit<LoadFacts, 'binding'>,
  missing: readonly string[],
  prebuilt: readonly string[],
  lacksPrebuilds = false,
): Problem {
  const { libtorch, system } = facts;
  const name = `${system.platform}-${system.arch} and libtorch ${libtorch.version}`;
  const versions = prebuilt.join(' or ');
  return {
    code: 'ERR_NATIVE_MODULE_NOT_FOUND',
    headline: `Could not load the native module for ${name}`,
    details: missing,
    solutions: [
      COMPILE,
      ...(versions
        ? [`Use libtorch ${versions}, for which it comes prebuilt: npx ibn-net install-libtorch`]
        : []),
      ...(lacksPrebuilds && isPrebuilt(system) ? [COPY] : []),
    ],
  };
}

/** What the dynamic linker's reason means and what to do about it. */
export function refusedProblem(facts: LoadFacts, reason: string): Problem {
  return (
    libcProblem(facts.system) ?? {
      code: 'ERR_NATIVE_MODULE_LOAD',
      headline: `Could not load ${nameOf(facts)}`,
      details: [reason],
      solutions: KNOWN.find(({ pattern }) => pattern.test(reason))?.solve(facts) ?? solutionsOf(facts),
    }
  );
}

/** A process that loaded it ended. */
export function diedProblem(facts: LoadFacts, { how, said }: Extract<Trial, { kind: 'died' }>): Problem {
  return {
    code: 'ERR_NATIVE_MODULE_CRASH',
    headline: `Could not load ${nameOf(facts)}`,
    details: [`a process that tried was ended by ${how}`, ...(said === '' ? [] : [`it said: ${said}`])],
    solutions: solutionsOf(facts),
  };
}

function nameOf({ libtorch: { version, flavour, root } }: LoadFacts): string {
  return `libtorch ${version} (${flavour}) from ${root}`;
}

/** What helps when nothing more is known. */
function solutionsOf(facts: LoadFacts): string[] {
  return [installAgain(facts), COMPILE];
}

/** The command that replaces a libtorch, and the setting that leads elsewhere. */
function installAgain({ libtorch: { version, flavour, source } }: LoadFacts): string {
  const install = 'npx ibn-net install-libtorch';
  if (source === 'cache') return `Install it again: ${install} --version ${version}+${flavour} --force`;
  return `Use the cache folder's libtorch instead: unset ${source} && ${install}`;
}

interface Known {
  pattern: RegExp;
  solve(facts: LoadFacts): string[];
}

/** What the dynamic linker says, in the order of what is most particular. */
const KNOWN: readonly Known[] = [
  {
    // The prebuilt files need no more than libtorch does, so these were compiled on a newer system.
    pattern: /version [`'"]?GLIBC_/,
    solve: () => [COMPILE, NEWER_SYSTEM],
  },
  {
    // Conda and the like put a libstdc++ of their own before the system's.
    pattern: /version [`'"]?(GLIBCXX|CXXABI)_/,
    solve: () => [
      "Use the system's libstdc++, where LD_LIBRARY_PATH names another: unset LD_LIBRARY_PATH",
      'Update it: sudo apt-get install --only-upgrade libstdc++6',
    ],
  },
  {
    pattern: /lib(cu\w+|nv\w+|nccl|cufile)[\w.-]*\.so[\w.]*: cannot open shared object file/,
    solve: ({ libtorch: { version, flavour } }) => [
      `Install this build with the NVIDIA libraries it needs: npx ibn-net install-libtorch --version ${version}+${flavour} --force && unset LIBTORCH LIBTORCH_USE_PYTORCH`,
      'Use the CPU build: npx ibn-net install-libtorch && unset LIBTORCH LIBTORCH_USE_PYTORCH',
    ],
  },
  {
    pattern: /(libstdc\+\+|libgomp|libgcc_s)[\w.+-]*: cannot open shared object file/,
    solve: () => ['Install the libraries of the C++ compiler: sudo apt-get install libstdc++6 libgomp1'],
  },
  {
    pattern: /undefined symbol|version [`'"]?(?!GLIBC)/,
    solve: (facts) => [
      `${COMPILE} (it was compiled for another libtorch ${minorOf(facts.libtorch.version)})`,
      installAgain(facts),
    ],
  },
  {
    pattern: /failed to map segment.*not permitted/,
    solve: () => [
      'Keep libtorch on a file system mounted without noexec: export IBN_NET_CACHE=/path/to/folder && npx ibn-net install-libtorch',
    ],
  },
];
