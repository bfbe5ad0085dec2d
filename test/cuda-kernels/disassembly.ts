import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../helpers/files.ts';

/** The kernels' library: what `IBN_NET_BINDING_DIR`, a build in the clone or the package has. */
export function findKernels(): string | undefined {
  const folders = [
    process.env.IBN_NET_BINDING_DIR,
    join(root, 'build-cuda/Release'),
    join(root, 'build/Release'),
    join(root, `prebuilds/${process.platform}-${process.arch}`),
  ];
  const paths = folders.filter((folder) => folder !== undefined).map((folder) => join(folder, 'libibn_cuda.so'));
  return paths.find((path) => existsSync(path));
}

/** NVIDIA's disassembler of the toolkit, or undefined. */
export function findDisassembler(): string | undefined {
  const home = process.env.CUDA_HOME ?? '/usr/local/cuda';
  return ['cuobjdump', join(home, 'bin/cuobjdump')].find((command) => spawnSync(command, ['--version']).status === 0);
}

function run(command: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** The architectures that a library has machine code for, and those with code for the driver to compile. */
export function architecturesOf(cuobjdump: string, library: string): { machine: string[]; ptx: string[] } {
  const names = (flag: string, suffix: RegExp) =>
    [...run(cuobjdump, [flag, library]).matchAll(suffix)].map((match) => match[1] as string);
  return {
    machine: [...new Set(names('--list-elf', /\.(sm_\d+)\.cubin/g))],
    ptx: [...new Set(names('--list-ptx', /\.(sm_\d+)\.ptx/g))],
  };
}

/** Instructions of each kernel of one architecture, by its mangled name. */
export function disassemble(cuobjdump: string, library: string, architecture: string): Map<string, string[]> {
  const kernels = new Map<string, string[]>();
  const text = run(cuobjdump, ['-sass', '-arch', architecture, library]);
  for (const part of text.split(/^\s*Function : /m).slice(1)) {
    const name = part.slice(0, part.indexOf('\n')).trim();
    const instructions = [...part.matchAll(/^\s*\/\*[0-9a-f]{4,}\*\/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)/gm)];
    kernels.set(name, instructions.map((match) => match[1] as string));
  }
  return kernels;
}
