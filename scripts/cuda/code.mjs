// Reads machine code for NVIDIA GPUs (cubins, which nvcc leaves beside the library that it packs them into) without
// NVIDIA's disassembler, which many toolkits lack: from compute capability 7.0 on an instruction is 16 bytes, its opcode in the
// lowest 12 bits and the width of an access in bits 73 to 75. Where cuobjdump is found a test compares the counts with its.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Folders of builds: what IBN_NET_BINDING_DIR names, then the clone's. */
function buildFolders() {
  const builds = readdirSync(root).filter((name) => /^build(-2\.\d+|-cuda)?$/.test(name));
  const given = process.env.IBN_NET_BINDING_DIR;
  return [...(given ? [dirname(given)] : []), ...builds.sort().map((name) => join(root, name))];
}

/** The kernels' library: a build's, else the package's. */
export function findKernels() {
  const folders = buildFolders().map((folder) => join(folder, 'Release'));
  const given = process.env.IBN_NET_BINDING_DIR;
  const all = [
    ...(given ? [given] : []),
    ...folders,
    join(root, 'prebuilds', `${process.platform}-${process.arch}`),
  ];
  return all.map((folder) => join(folder, 'libibn_cuda.so')).find((path) => existsSync(path));
}

/** The kernels' machine code by architecture, `{ sm_90: path }`; undefined where they were not built. */
export function findCubins() {
  const folder = buildFolders()
    .map((path) => join(path, 'cubins'))
    .find((path) => existsSync(path) && readdirSync(path).some((name) => name.endsWith('.cubin')));
  if (folder === undefined) return undefined;
  const found = readdirSync(folder).map((name) => [/(?:sm|compute)_(\d+)\.cubin$/.exec(name)?.[1], name]);
  const cubins = found.filter(([number]) => number !== undefined);
  cubins.sort(([a], [b]) => Number(a) - Number(b));
  return Object.fromEntries(cubins.map(([number, name]) => [`sm_${number}`, join(folder, name)]));
}

/** NVIDIA's disassembler, or undefined. */
export function findDisassembler() {
  const homes = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'];
  const places = homes.filter((home) => home !== undefined).map((home) => join(home, 'bin', 'cuobjdump'));
  const commands = [process.env.CUOBJDUMP, 'cuobjdump', ...places].filter((command) => command !== undefined);
  return commands.find((command) => spawnSync(command, ['--version']).status === 0);
}

const TYPES = { f: 'float32', '6__half': 'float16', '13__nv_bfloat16': 'bfloat16' };

/** A kernel by its mangled name: `{ name: 'planesForward', dtype: 'float16', vector: 8, slots: 4 }`. */
export function parseKernel(mangled) {
  const [, name, type, vector, slots] =
    /((?:planes|rows)(?:Forward|Backward))I(f|6__half|13__nv_bfloat16)Li(\d+)ELi(\d+)E/.exec(mangled) ?? [];
  if (name === undefined) return { name: /combine(?:For|Back)ward/.exec(mangled)?.[0] ?? mangled };
  return { name, dtype: TYPES[type], vector: Number(vector), slots: Number(slots) };
}

// Opcodes, with an address in registers and with one in uniform registers.
const LOAD_GLOBAL = new Set([0x381, 0x981]);
const STORE_GLOBAL = new Set([0x386, 0x986]);
const LOAD_LOCAL = new Set([0x383, 0x983]);
const STORE_LOCAL = new Set([0x387, 0x987]);
const WIDTH_128 = 6;

/**
 * The kernels of a cubin: parseKernel(mangled), registers, and how many instructions there are of each kind.
 *
 * @throws TypeError for other files.
 */
export function readCubin(path) {
  const file = readFileSync(path);
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2) {
    throw new TypeError(`Expected a 64-bit ELF file, got ${path}`);
  }
  const sections = sectionsOf(file);
  const registers = registersOf(file, sections);
  return sections
    .map(({ name, offset, size }, index) => ({ name, code: file.subarray(offset, offset + size), index }))
    .filter(({ name }) => name.startsWith('.text.'))
    .map(({ name, code, index }) => {
      const mangled = name.slice('.text.'.length);
      return { mangled, ...parseKernel(mangled), registers: registers.get(index), ...countAll(code) };
    });
}

const REGISTERS = 0x2f;

/** The attributes of .nv.info, [format, attribute, size, symbol, value]: registers of each section of code. */
function registersOf(file, sections) {
  const info = sections.find(({ name }) => name === '.nv.info');
  const symbols = sections.find(({ name }) => name === '.symtab');
  const found = new Map();
  for (let at = info.offset; at < info.offset + info.size; ) {
    const [format, attribute, value] = [file[at], file[at + 1], file.readUInt16LE(at + 2)];
    if (attribute === REGISTERS) {
      const symbol = file.readUInt32LE(at + 4);
      found.set(file.readUInt16LE(symbols.offset + 24 * symbol + 6), file.readUInt32LE(at + 8));
    }
    // Format 4 has a value of so many bytes after it.
    at += format === 4 ? 4 + value : 4;
  }
  return found;
}

function countAll(code) {
  const counts = {
    instructions: code.length / 16,
    ldg128: 0,
    stg128: 0,
    ldgOther: 0,
    stgOther: 0,
    ldl: 0,
    stl: 0,
  };
  for (let at = 0; at < code.length; at += 16) {
    const opcode = code.readUInt32LE(at) & 0xfff;
    const isWide = ((code.readUInt32LE(at + 8) >>> 9) & 7) === WIDTH_128;
    if (LOAD_GLOBAL.has(opcode)) counts[isWide ? 'ldg128' : 'ldgOther']++;
    else if (STORE_GLOBAL.has(opcode)) counts[isWide ? 'stg128' : 'stgOther']++;
    else if (LOAD_LOCAL.has(opcode)) counts.ldl++;
    else if (STORE_LOCAL.has(opcode)) counts.stl++;
  }
  return counts;
}

function sectionsOf(file) {
  const start = Number(file.readBigUInt64LE(0x28));
  const [size, count, names] = [0x3a, 0x3c, 0x3e].map((at) => file.readUInt16LE(at));
  const sections = Array.from({ length: count }, (_, i) => {
    const at = start + i * size;
    return {
      nameAt: file.readUInt32LE(at),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
    };
  });
  return sections.map((section) => {
    const at = sections[names].offset + section.nameAt;
    return { ...section, name: file.toString('latin1', at, file.indexOf(0, at)) };
  });
}

/** The same counts by NVIDIA's disassembler, by mangled name. */
export function disassemble(cuobjdump, cubin) {
  const { status, stdout, stderr } = spawnSync(cuobjdump, ['-sass', cubin], {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) throw new Error(`${cuobjdump} -sass ${cubin}: ${stderr}`);
  const kernels = stdout.split(/^\s*Function : /m).slice(1);
  return new Map(
    kernels.map((part) => {
      const count = (pattern) => [...part.matchAll(pattern)].length;
      return [
        part.slice(0, part.indexOf('\n')).trim(),
        {
          ldg128: count(/\bLDG\.E[.\w]*\.128\b/g),
          stg128: count(/\bSTG\.E[.\w]*\.128\b/g),
          ldl: count(/\bLDL\b/g),
          stl: count(/\bSTL\b/g),
        },
      ];
    }),
  );
}
