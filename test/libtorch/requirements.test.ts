import { describe, expect, it } from 'vitest';
import { isNeeded } from '../../lib/libtorch/install/selection.ts';
import { PINNED_BUILDS } from '../../lib/libtorch/install/versions.ts';
import { evaluateMarker } from '../../lib/libtorch/wheels/marker.ts';
import { markerVariables, nativeRequirements } from '../../lib/libtorch/wheels/requirements.ts';
import { satisfies } from '../../lib/libtorch/wheels/specifier.ts';
import { parseWheelName, wheelRunsOn } from '../../lib/libtorch/wheels/wheel-name.ts';

const linux = markerVariables('linux', 'x64', 'cp311');

describe('what a wheel requires', () => {
  it('takes the nvidia packages for this system and leaves the rest', () => {
    const metadata = [
      'Name: torch',
      'Requires-Dist: sympy>=1.13.3',
      'Requires-Dist: cuda-toolkit[cublas,cudart]==13.0.3; platform_system == "Linux"',
      'Requires-Dist: cuda-bindings<14,>=13.0.3; platform_system == "Linux"',
      'Requires-Dist: nvidia_nccl.cu13 (==2.30.7) ; platform_system == "Linux" and python_version < "3.15"',
      'Requires-Dist: nvidia-other==1; platform_system == "Windows"',
      'Requires-Dist: triton~=3.8.0; platform_system == "Linux"',
      '',
      'Requires-Dist: nvidia-in-the-description',
    ].join('\n');
    expect(nativeRequirements(metadata, [], linux)).toEqual([
      { project: 'cuda-toolkit', extras: ['cublas', 'cudart'], specifiers: '==13.0.3' },
      { project: 'nvidia-nccl-cu13', extras: [], specifiers: '==2.30.7' },
    ]);
  });

  it('takes what the extras ask for', () => {
    const metadata = [
      "Requires-Dist: nvidia-cublas==13.1.1.3.*; (sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'win32') and extra == 'cublas'",
      "Requires-Dist: nvidia-cufft==12.*; extra == 'cufft'",
    ].join('\n');
    expect(nativeRequirements(metadata, ['cublas'], linux)).toEqual([
      { project: 'nvidia-cublas', extras: [], specifiers: '==13.1.1.3.*' },
    ]);
    expect(nativeRequirements(metadata, ['cublas'], markerVariables('darwin', 'arm64', 'cp311'))).toEqual([]);
  });

  it.each([
    ["python_version >= '3.9'", true],
    ["python_version < '3.9'", false],
    ["'linux' in sys_platform and not_a_variable == 'x'", 'error'],
    ["sys_platform not in 'win32 darwin'", true],
    ["os_name == 'nt' or (os_name == 'posix' and platform_machine != 'aarch64')", true],
    ["os_name == 'posix' extra", 'error'],
    ['os_name ==', 'error'],
    ['os_name & x', 'error'],
  ])('evaluates %s', (marker, expected) => {
    const evaluate = () => evaluateMarker(marker, linux);
    if (expected === 'error') expect(evaluate).toThrow(/^Expected an environment marker, got "/);
    else expect(evaluate()).toBe(expected);
  });

  it.each([
    ['13.4.92', '<14,>=13.0.88', true],
    ['14.0', '<14,>=13.0.88', false],
    ['13.1.1.3', '==13.1.1.3.*', true],
    ['13.1.2', '==13.1.1.3.*', false],
    ['13.0.3.0', '==13.0.3', true],
    ['3.10', '>3.9', true],
    ['3.8.4', '~=3.8.0', true],
    ['3.9.0', '~=3.8.0', false],
    ['2.13.0+cpu', '==2.13.0', true],
    ['2.13.0+cpu', '==2.13.0+cpu', true],
    ['2.13.0', '==2.13.0+cpu', false],
    ['2.13.0', '!=2.13.1', true],
    ['1.0', '', true],
    ['1.0', 'nonsense', false],
  ])('%s satisfies %j: %s', (version, specifiers, expected) => {
    expect(satisfies(version, specifiers)).toBe(expected);
  });
});

describe('file names', () => {
  it('reads the names of wheels', () => {
    expect(parseWheelName('nvidia_nvtx-13.0.85-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl')).toEqual(
      {
        project: 'nvidia-nvtx',
        version: '13.0.85',
        python: 'py3',
        abi: 'none',
        platforms: ['manylinux1_x86_64', 'manylinux_2_5_x86_64'],
      },
    );
    expect(parseWheelName('torch-2.13.0.tar.gz')).toBeUndefined();
  });

  it.each([
    ['manylinux_2_28_x86_64', 'linux-x64', true],
    ['manylinux_2_28_aarch64', 'linux-x64', false],
    ['musllinux_1_2_x86_64', 'linux-x64', false],
    ['win_amd64', 'win32-x64', true],
    ['macosx_11_0_arm64', 'darwin-arm64', true],
    ['any', 'linux-x64', true],
  ])('a wheel for %s runs on %s: %s', (platform, target, expected) => {
    const wheel = { project: 'x', version: '1', python: 'py3', abi: 'none', platforms: [platform] };
    expect(wheelRunsOn(wheel, target)).toBe(expected);
  });

  it.each([
    ['torch/lib/libtorch_cpu.so', true],
    ['torch/lib/libgomp.so.1', true],
    ['libtorch/lib/libcudart-faef8a24.so.13', true],
    ['torch/lib/libtorch_python.so', false],
    ['torch/lib/libjitbackend_test.so', false],
    ['torch/lib/libshm/libshm.so', false],
    ['torch/include/ATen/ATen.h', true],
    ['torch/share/cmake/Torch/TorchConfig.cmake', true],
    ['torch/nn/__init__.py', false],
    ['nvidia/cu13/lib/libcublas.so.13', true],
    ['nvidia/nvshmem/lib/libnvshmem_device.a', false],
    ['nvidia/cu13/include/cublas_v2.h', true],
    ['torch-2.13.0+cpu.dist-info/METADATA', true],
    ['torch-2.13.0+cpu.dist-info/RECORD', false],
    ['torchgen/model.py', false],
  ])('of %s says whether it is installed: %s', (name, expected) => {
    expect(isNeeded(name)).toBe(expected);
  });

  it('pins complete builds', () => {
    const names = PINNED_BUILDS.map(({ version, flavour, platform }) => `${version}+${flavour} ${platform}`);
    expect(names).toEqual(['2.13.0+cpu linux-x64', '2.14.1+cu130 linux-x64']);
    for (const file of PINNED_BUILDS.flatMap(({ files }) => files)) {
      expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(parseWheelName(file.name)).toBeDefined();
    }
    expect(PINNED_BUILDS.map(({ files }) => parseWheelName(files[0]?.name ?? '')?.project)).toEqual([
      'torch',
      'torch',
    ]);
  });
});
