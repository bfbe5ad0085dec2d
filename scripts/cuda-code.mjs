// Reads the machine code in libibn_cuda.so with NVIDIA's cuobjdump (of the toolkit, or CUOBJDUMP).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The kernels' library: what IBN_NET_BINDING_DIR, a build in the clone or the package has. */
export function findKernels() {
  const builds = readdirSync(root).filter((name) => /^build(-2\.\d+|-cuda)?$/.test(name));
  const folders = [
    process.env.IBN_NET_BINDING_DIR,
    ...builds.sort().map((name) => join(root, name, 'Release')),
    join(root, 'prebuilds', `${process.platform}-${process.arch}`),
  ].filter((folder) => folder !== undefined);
  return folders.map((folder) => join(folder, 'libibn_cuda.so')).find((path) => existsSync(path));
}

/** The disassembler, or undefined. */
export function findDisassembler() {
  const homes = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'];
  const places = homes.filter((home) => home !== undefined).map((home) => join(home, 'bin', 'cuobjdump'));
  const commands = [process.env.CUOBJDUMP, 'cuobjdump', ...places].filter((command) => command !== undefined);
  return commands.find((command) => spawnSync(command, ['--version']).status === 0);
}

function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    ...options,
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

/** The architectures that a library has machine code for, and those with PTX for the driver to compile. */
export function architecturesOf(cuobjdump, library) {
  const names = (flag, pattern) => {
    const found = [...run(cuobjdump, [flag, library]).matchAll(pattern)].map((match) => match[1]);
    return [...new Set(found)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  };
  return {
    machine: names('--list-elf', /\.(sm_\w+)\.cubin/g),
    ptx: names('--list-ptx', /\.(sm_\w+)\.ptx/g),
  };
}

const TYPES = { f: 'float32', '6__half': 'float16', '13__nv_bfloat16': 'bfloat16' };

/** A kernel by its mangled name: `{ name: 'planesForward', dtype: 'float16', vector: 8, slots: 4 }`. */
export function parseKernel(mangled) {
  const [, name, type, vector, slots] =
    /(planesForward|planesBackward|rowsForward|rowsBackward)I(f|6__half|13__nv_bfloat16)Li(\d+)ELi(\d+)E/.exec(
      mangled,
    ) ?? [];
  if (name === undefined) return { name: /(combine(?:For|Back)ward)/.exec(mangled)?.[1] ?? mangled };
  return { name, dtype: TYPES[type], vector: Number(vector), slots: Number(slots) };
}

const INSTRUCTION = /^\s*\/\*[0-9a-f]{4,}\*\/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)/gm;

/** What each kernel of one architecture is made of: `{ mangled, ...parseKernel(mangled), instructions: [...] }`. */
export function disassemble(cuobjdump, library, architecture) {
  const text = run(cuobjdump, ['-sass', '-arch', architecture, library]);
  return text
    .split(/^\s*Function : /m)
    .slice(1)
    .map((part) => {
      const mangled = part.slice(0, part.indexOf('\n')).trim();
      const instructions = [...part.matchAll(INSTRUCTION)].map((match) => match[1]);
      return { mangled, ...parseKernel(mangled), instructions };
    });
}

/** How many of a kernel's instructions begin as `pattern` says. */
export function countOf({ instructions }, pattern) {
  return instructions.filter((name) => pattern.test(name)).length;
}

/** Registers, and bytes of stack, of each kernel of one architecture, by mangled name. */
export function resourcesOf(cuobjdump, library, architecture) {
  const text = run(cuobjdump, ['-res-usage', '-arch', architecture, library]);
  const found = text.matchAll(/Function (\S+):\s+REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)/g);
  return new Map(
    [...found].map(([, mangled, registers, stack, shared, local]) => [
      mangled,
      { registers: Number(registers), stack: Number(stack), shared: Number(shared), local: Number(local) },
    ]),
  );
}

/** Bytes of machine code of each architecture before compression. */
export function codeSizes(cuobjdump, library) {
  const folder = mkdtempSync(join(tmpdir(), 'ibn-net-cubins-'));
  try {
    run(cuobjdump, ['-xelf', 'all', library], { cwd: folder });
    const files = readdirSync(folder).map((name) => [/\.(sm_\w+)\.cubin$/.exec(name)?.[1] ?? name, name]);
    return Object.fromEntries(files.sort().map(([sm, name]) => [sm, statSync(join(folder, name)).size]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
