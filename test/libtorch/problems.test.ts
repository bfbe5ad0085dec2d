import { describe, expect, it } from 'vitest';
import { toolchainProblem } from '../../lib/libtorch/build/toolchain.ts';
import type { CudaMachine } from '../../lib/libtorch/load/cuda-driver.ts';
import { cudaProblem } from '../../lib/libtorch/load/cuda-problems.ts';
import {
  diedProblem,
  libcProblem,
  missingModule,
  refusedProblem,
} from '../../lib/libtorch/load/load-problems.ts';
import { readSystem } from '../../lib/libtorch/load/system.ts';
import { type Problem, problemMessage } from '../../lib/problem.ts';

const message = (problem: Problem | undefined) =>
  problem ? `${problem.code}: ${problemMessage(problem)}` : 'none';

const debian = readSystem({
  platform: 'linux',
  arch: 'x64',
  glibc: '2.36',
  osRelease: 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
});
const alpine = readSystem({
  platform: 'linux',
  arch: 'x64',
  glibc: undefined,
  hasMusl: true,
  osRelease: 'NAME="Alpine Linux"\nID=alpine\nPRETTY_NAME="Alpine Linux v3.20"\n',
});
const centos = readSystem({
  platform: 'linux',
  arch: 'x64',
  glibc: '2.17',
  osRelease: 'PRETTY_NAME="CentOS Linux 7 (Core)"\nID="centos"\nID_LIKE="rhel fedora"\n',
});

describe('the C library', () => {
  it('is known of the running system', () => {
    const system = readSystem();
    expect(system).toMatchObject({ platform: process.platform, arch: process.arch });
    if (process.platform === 'linux') expect(['glibc', 'musl']).toContain(system.libc);
  });

  it('musl: one message', () => {
    expect(message(libcProblem(alpine))).toMatchInlineSnapshot(`
      "ERR_LIBC: Expected glibc 2.28 or newer for libtorch, got musl (Alpine Linux v3.20)
      Possible solutions:
      - Use Debian 10, Ubuntu 20.04, RHEL 8 or a later one, in a container for example: docker run -it node:22-slim"
    `);
  });

  it('glibc too old: one message', () => {
    expect(message(libcProblem(centos))).toMatchInlineSnapshot(`
      "ERR_LIBC: Expected glibc 2.28 or newer for libtorch, got glibc 2.17 (CentOS Linux 7 (Core))
      Possible solutions:
      - Use Debian 10, Ubuntu 20.04, RHEL 8 or a later one, in a container for example: docker run -it node:22-slim"
    `);
  });

  it.each([
    ['2.27', false],
    ['2.28', true],
    ['2.36', true],
    ['3.0', true],
  ])('glibc %s: %s', (glibc, fine) => {
    expect(libcProblem({ ...debian, libcVersion: glibc }) === undefined).toBe(fine);
  });

  it('is no matter on macOS', () => {
    expect(libcProblem(readSystem({ platform: 'darwin', arch: 'arm64' }))).toBeUndefined();
  });
});

const facts = {
  libtorch: { root: '/torch', version: '2.13.0', flavour: 'cpu', source: 'LIBTORCH' as const },
  binding: '/package/binding-2.13.so',
  system: debian,
};

describe('a libtorch that does not load', () => {
  it('on musl is told by the C library, whatever the dynamic linker says', () => {
    const reason = 'Error relocating /package/ibn_net.node: fcntl64: symbol not found';
    expect(refusedProblem({ ...facts, system: alpine }, reason)).toEqual(libcProblem(alpine));
  });

  it.each([
    ["/package/binding-2.13.so: /lib/libc.so.6: version `GLIBC_2.38' not found (required by /package/x.so)"],
    [
      "/conda/lib/libstdc++.so.6: version `GLIBCXX_3.4.22' not found (required by /torch/lib/libtorch_cpu.so)",
    ],
    ['libcudart.so.13: cannot open shared object file: No such file or directory'],
    ['libgomp.so.1: cannot open shared object file: No such file or directory'],
    ['/package/binding-2.13.so: undefined symbol: _ZN3c1010Dispatcher17realSingletonEv'],
    ['/torch/lib/libtorch_cpu.so: failed to map segment from shared object: Operation not permitted'],
    ['/torch/lib/libtorch_cpu.so: file too short'],
  ])('%s', (reason) => {
    expect(message(refusedProblem(facts, reason))).toMatchSnapshot();
  });

  it('is installed again where it came from the cache', () => {
    const cached = { ...facts, libtorch: { ...facts.libtorch, source: 'cache' as const } };
    expect(refusedProblem(cached, 'file too short').solutions).toContain(
      'Install it again: npx ibn-net install-libtorch --version 2.13.0+cpu --force',
    );
  });

  it('lacks a native module where a tool copied a part of the package', () => {
    const missing = ['/app/node_modules/ibn-net/prebuilds/linux-x64/ibn_net.node: no such file'];
    expect(message(missingModule(facts, missing, [], true))).toMatchInlineSnapshot(`
      "ERR_NATIVE_MODULE_NOT_FOUND: Could not load the native module for linux-x64 and libtorch 2.13.0:
      - /app/node_modules/ibn-net/prebuilds/linux-x64/ibn_net.node: no such file
      Possible solutions:
      - Compile the native module for it here: npx ibn-net build
      - Where a tool copied the package, let it copy the whole of it; Next.js: outputFileTracingIncludes (docs/bundlers.md)"
    `);
    expect(missingModule(facts, missing, []).solutions).toHaveLength(1);
  });

  it('may end the process that loads it', () => {
    const died = { kind: 'died', how: 'SIGSEGV', said: '' } as const;
    expect(message(diedProblem(facts, died))).toMatchInlineSnapshot(`
      "ERR_NATIVE_MODULE_CRASH: Could not load libtorch 2.13.0 (cpu) from /torch:
      - a process that tried was ended by SIGSEGV
      Possible solutions:
      - Use the cache folder's libtorch instead: unset LIBTORCH && npx ibn-net install-libtorch
      - Compile the native module for it here: npx ibn-net build"
    `);
  });
});

const none: CudaMachine = {
  library: null,
  kernel: null,
  gpus: null,
  devices: [],
  isWsl: false,
  visible: undefined,
};
const good: CudaMachine = {
  ...none,
  library: '580.95.05',
  kernel: '580.95.05',
  gpus: 1,
  devices: ['nvidia0'],
};
const ubuntu = { ...debian, name: 'Ubuntu 24.04 LTS', family: 'ubuntu debian' };
const cuda = { flavour: 'cu130', version: '2.14.1', system: ubuntu };

describe('CUDA that cannot be used', () => {
  it('is no matter on a machine that has what is needed', () => {
    expect(cudaProblem({ ...cuda, machine: good })).toBeUndefined();
  });

  it('a CPU build: one message', () => {
    expect(
      message(cudaProblem({ ...cuda, flavour: 'cpu', version: '2.13.0', machine: good })),
    ).toMatchInlineSnapshot(`
      "ERR_CUDA_CPU_BUILD: Expected a CUDA build of libtorch, got libtorch 2.13.0+cpu
      Possible solutions:
      - Install the CUDA build: npx ibn-net install-libtorch --cuda"
    `);
  });

  it('no driver: one message', () => {
    const reason = 'Found no NVIDIA driver on your system.';
    expect(message(cudaProblem({ ...cuda, machine: none, reason }))).toMatchInlineSnapshot(`
      "ERR_CUDA_NO_DRIVER: Expected NVIDIA driver 580.65.06 or newer for CUDA 13.0 (libtorch 2.14.1+cu130), got none:
      - libtorch says: Found no NVIDIA driver on your system.
      Possible solutions:
      - Install the driver and restart: sudo apt-get install nvidia-driver-580 && sudo reboot
      - Run on the CPU meanwhile, which this build can: device: 'cpu'"
    `);
  });

  it('no driver in a container of a machine that has one: one message', () => {
    const machine = { ...none, kernel: '580.95.05', gpus: 2 };
    expect(message(cudaProblem({ ...cuda, machine }))).toMatchInlineSnapshot(`
      "ERR_CUDA_NO_DRIVER: Expected NVIDIA driver 580.65.06 or newer for CUDA 13.0 (libtorch 2.14.1+cu130), got none that a program can find, though the kernel has driver 580.95.05
      Possible solutions:
      - In a container, give it the GPUs (NVIDIA Container Toolkit on the host): docker run --gpus all IMAGE
      - Install the driver and restart: sudo apt-get install nvidia-driver-580 && sudo reboot"
    `);
  });

  it('a driver too old, by its version: one message', () => {
    const machine = { ...good, library: '535.104.05', kernel: '535.104.05' };
    expect(message(cudaProblem({ ...cuda, machine }))).toMatchInlineSnapshot(`
      "ERR_CUDA_DRIVER_TOO_OLD: Expected NVIDIA driver 580.65.06 or newer for CUDA 13.0 (libtorch 2.14.1+cu130), got 535.104.05
      Possible solutions:
      - Install the driver and restart: sudo apt-get install nvidia-driver-580 && sudo reboot
      - Run on the CPU meanwhile, which this build can: device: 'cpu'"
    `);
  });

  it("a driver too old, by libtorch's reason: one message", () => {
    const machine = { ...good, library: 'unknown', kernel: '570.1.2' };
    const reason = 'The NVIDIA driver on your system is too old (found version 12080).';
    expect(message(cudaProblem({ ...cuda, machine, reason }))).toMatchInlineSnapshot(`
      "ERR_CUDA_DRIVER_TOO_OLD: Expected NVIDIA driver 580.65.06 or newer for CUDA 13.0 (libtorch 2.14.1+cu130), got 570.1.2:
      - libtorch says: The NVIDIA driver on your system is too old (found version 12080).
      Possible solutions:
      - Install the driver and restart: sudo apt-get install nvidia-driver-580 && sudo reboot
      - Run on the CPU meanwhile, which this build can: device: 'cpu'"
    `);
  });

  it('a build for CUDA 12 runs with an older driver', () => {
    const machine = { ...good, library: '535.104.05', kernel: '535.104.05' };
    expect(cudaProblem({ ...cuda, flavour: 'cu128', machine })).toBeUndefined();
  });

  it('a driver updated under a running kernel: one message', () => {
    expect(
      message(cudaProblem({ ...cuda, machine: { ...good, kernel: '580.65.06' } })),
    ).toMatchInlineSnapshot(`
      "ERR_CUDA_DRIVER_MISMATCH: Expected one NVIDIA driver, got 580.65.06 in the kernel and 580.95.05 as its library
      Possible solutions:
      - After a driver update, restart: sudo reboot
      - In a container, let the toolkit bring the library, not the image: docker run --gpus all IMAGE"
    `);
  });

  it('no GPU: one message', () => {
    const reason = 'No CUDA GPUs are available';
    const machine = { ...good, gpus: 0, devices: [] };
    expect(message(cudaProblem({ ...cuda, machine, reason }))).toMatchInlineSnapshot(`
      "ERR_CUDA_NO_GPU: Expected an NVIDIA GPU for libtorch 2.14.1+cu130, got none; the driver is 580.95.05:
      - libtorch says: No CUDA GPUs are available
      Possible solutions:
      - Look for a GPU: lspci | grep -i nvidia
      - Run on the CPU meanwhile, which this build can: device: 'cpu'"
    `);
  });

  it('a GPU that is hidden: one message', () => {
    expect(message(cudaProblem({ ...cuda, machine: { ...good, visible: '' } }))).toMatchInlineSnapshot(`
      "ERR_CUDA_NO_GPU: Expected an NVIDIA GPU for libtorch 2.14.1+cu130, got none (CUDA_VISIBLE_DEVICES=""); the driver is 580.95.05
      Possible solutions:
      - Let programs see the GPUs: unset CUDA_VISIBLE_DEVICES
      - Run on the CPU meanwhile, which this build can: device: 'cpu'"
    `);
  });

  it('anything else is told in the words of libtorch', () => {
    const reason = 'CUDA unknown error - this may be due to an incorrectly set up environment';
    expect(message(cudaProblem({ ...cuda, machine: good, reason }))).toMatchInlineSnapshot(`
      "ERR_CUDA: Could not use CUDA with libtorch 2.14.1+cu130:
      - libtorch says: CUDA unknown error - this may be due to an incorrectly set up environment
      Possible solutions:
      - Look at the driver, whose own tool must list the GPU: nvidia-smi
      - Run on the CPU meanwhile, which this build can: device: 'cpu'"
    `);
  });

  it.each([
    ['Fedora', { ...debian, family: 'fedora' }, good.isWsl, /dnf module install nvidia-driver:580/],
    ['Debian', debian, false, /https:\/\/www\.nvidia\.com\/drivers/],
    ['Windows Subsystem for Linux', ubuntu, true, /wsl --shutdown/],
  ])('on %s another command installs a driver', (_, system, isWsl, command) => {
    const machine = { ...none, isWsl };
    expect(message(cudaProblem({ ...cuda, system, machine }))).toMatch(command);
  });
});

describe('tools that compile', () => {
  const gcc = (version: string) => `g++ (Debian ${version}-14) ${version}\nCopyright (C) 2022`;
  const all: Record<string, string> = {
    cmake: 'cmake version 3.25.1\n',
    'g++': gcc('12.2.0'),
    ninja: '1.11.1\n',
  };
  const tools = (has: Record<string, string | undefined>) => (command: string) => has[command];
  const wrong = (more: Record<string, string | undefined>, system = debian, env = {}) =>
    message(toolchainProblem(system, env, { run: tools({ ...all, ...more }) }));

  it('are enough when they are new enough', () => {
    expect(wrong({})).toBe('none');
    expect(wrong({ 'g++': undefined, 'clang++': 'Debian clang version 14.0.6\nTarget: x86_64' })).toBe(
      'none',
    );
    expect(wrong({ 'g++': gcc('9.4.0'), 'clang++': 'clang version 18.1.3 (https://x)' })).toBe('none');
    expect(wrong({ ninja: undefined, make: 'GNU Make 4.3' })).toBe('none');
  });

  it('are all named in one message when they are missing or too old', () => {
    const old = { cmake: 'cmake version 3.16.3\n', 'g++': gcc('9.4.0'), ninja: undefined };
    expect(wrong(old)).toMatchInlineSnapshot(`
      "ERR_TOOLCHAIN: Could not compile the native module:
      - expected cmake 3.18 or newer, got cmake 3.16.3
      - expected a C++20 compiler, g++ 11 or clang++ 14 or newer, got g++ 9.4.0
      - expected make or ninja, got neither on PATH
      Possible solutions:
      - Install them: sudo apt-get install cmake g++ make
      - Use a libtorch for which it comes prebuilt: npx ibn-net install-libtorch"
    `);
  });

  it('are joined by nvcc for the CUDA libraries', () => {
    const look = (has: Record<string, string>) =>
      message(
        toolchainProblem(debian, { CUDA_HOME: '/cuda' }, { cuda: true, run: tools({ ...all, ...has }) }),
      );
    expect(look({})).toContain('- expected nvcc of CUDA 12 or 13, got none on PATH or in CUDA_HOME');
    expect(look({ '/cuda/bin/nvcc': 'release 13.0' })).toBe('none');
  });

  it('respect CXX', () => {
    const env = { CXX: 'g++-9' };
    expect(wrong({ 'g++-9': gcc('9.4.0') }, debian, env)).toContain('got g++-9 9.4.0');
    expect(wrong({}, debian, env)).toContain('got CXX=g++-9, which cannot be run');
  });

  it.each([
    ['fedora', 'sudo dnf install cmake gcc-c++ make'],
    ['opensuse-tumbleweed opensuse suse', 'sudo zypper install cmake gcc-c++ make'],
    ['arch', 'sudo pacman -S cmake gcc make'],
  ])('are installed on %s by its own command', (family, command) => {
    expect(wrong({ cmake: undefined }, { ...debian, family })).toContain(`Install them: ${command}`);
  });

  it('are installed on macOS by its own commands', () => {
    const mac = readSystem({ platform: 'darwin', arch: 'arm64' });
    expect(wrong({ cmake: undefined }, mac)).toContain('xcode-select --install && brew install cmake');
  });
});
