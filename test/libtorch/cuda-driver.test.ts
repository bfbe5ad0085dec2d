import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCudaMachine } from '../../lib/libtorch/load/cuda-driver.ts';
import { ABORTS, compile, hasCompiler } from '../helpers/fakes.ts';
import { tmp } from '../helpers/index.ts';
import { writeFiles } from './fake-archives.ts';

describe('the NVIDIA driver', () => {
  it('is read from the kernel and the device files', async () => {
    const folder = tmp();
    await writeFiles(folder, {
      'proc/driver/nvidia/version':
        'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (dvs-builder)\nGCC version:\n',
      'proc/driver/nvidia/gpus/0000:01:00.0/information': '',
      'dev/nvidia0': '',
      'dev/nvidiactl': '',
      'dev/nvidia-uvm': '',
    });
    const sources = {
      proc: join(folder, 'proc'),
      dev: join(folder, 'dev'),
      env: { CUDA_VISIBLE_DEVICES: '0' },
    };
    expect(readCudaMachine(sources)).toMatchObject({
      kernel: '580.95.05',
      gpus: 1,
      devices: ['nvidia0'],
      isWsl: false,
      visible: '0',
    });
  });

  it('is absent where the files are', () => {
    const folder = tmp();
    const found = readCudaMachine({ proc: folder, dev: folder, env: {} });
    expect(found).toMatchObject({ kernel: null, gpus: null, devices: [], isWsl: false, visible: undefined });
  });

  /** A stand-in for the driver's library, found as the real one is. */
  function fakeDriver(source: string): Record<string, string> {
    const folder = tmp();
    compile(source, join(folder, 'libcuda.so.535.104.05'));
    symlinkSync('libcuda.so.535.104.05', join(folder, 'libcuda.so.1'));
    return { ...process.env, LD_LIBRARY_PATH: folder } as Record<string, string>;
  }

  it.skipIf(!hasCompiler)('is found by the dynamic linker, with its version', () => {
    const env = fakeDriver('int cuInit(unsigned flags) { return 0; }');
    expect(readCudaMachine({ env }).library).toBe('535.104.05');
  });

  it.skipIf(!hasCompiler)('may end the process that looks for it', () => {
    const env = fakeDriver(ABORTS);
    expect(readCudaMachine({ env }).library).toBe('unknown');
  });
});
