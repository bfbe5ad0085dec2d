// Records what nvcc made of the kernels: accesses of 128 bits, registers and spilled bytes of each on each architecture,
// and what the library weighs. Needs the built library and cuobjdump, no GPU.
//   node scripts/measure-cuda-code.mjs      writes bench/results/cuda-kernels.json
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import {
  architecturesOf,
  codeSizes,
  countOf,
  disassemble,
  findDisassembler,
  findKernels,
  resourcesOf,
} from './cuda-code.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const library = findKernels();
const cuobjdump = findDisassembler();
if (library === undefined) fail('Expected libibn_cuda.so, found none; run: node scripts/build-cuda.mjs');
if (cuobjdump === undefined) fail("Expected NVIDIA's cuobjdump, found none; set CUOBJDUMP or CUDA_HOME");

const { machine, ptx } = architecturesOf(cuobjdump, library);
const kernels = machine.flatMap(kernelsOf);
const wide = kernels.filter(({ vector }) => vector > 1);
const result = {
  question: 'What the machine code of the fused norm is made of; compiled, not run',
  date: new Date().toISOString().slice(0, 10),
  nvcc:
    /release [\d.]+, V[\d.]+/.exec(spawnSync('nvcc', ['--version'], { encoding: 'utf8' }).stdout)?.[0] ??
    null,
  library: {
    bytes: statSync(library).size,
    gzipBytes: gzipSync(readFileSync(library)).length,
    codeBytes: codeSizes(cuobjdump, library),
    machine,
    ptx,
  },
  summary: {
    kernels: kernels.length / machine.length,
    wideKernels: wide.length / machine.length,
    wideWithoutWideLoad: wide.filter((one) => one.ldg128 === 0).length,
    wideWithoutWideStore: wide.filter((one) => one.stg128 === 0).length,
    spilling: kernels.filter((one) => one.localBytes > 0 || one.spills > 0).length,
    mostRegisters: Math.max(...kernels.map((one) => one.registers)),
  },
  kernels,
};
const path = join(root, 'bench/results/cuda-kernels.json');
const lines = kernels.map((row) => `  ${JSON.stringify(row)}`).join(',\n');
const head = JSON.stringify({ ...result, kernels: undefined }, null, 1).slice(0, -2);
writeFileSync(path, `${head},\n "kernels": [\n${lines}\n ]\n}\n`);
console.log(result.library, result.summary);

function kernelsOf(architecture) {
  const resources = resourcesOf(cuobjdump, library, architecture);
  return disassemble(cuobjdump, library, architecture).map((code) => {
    const { name, dtype, vector, slots, mangled, instructions } = code;
    const { registers, stack, local, shared } = resources.get(mangled);
    return {
      architecture,
      name,
      dtype,
      vector,
      slots,
      ldg128: countOf(code, /^LDG\.E\.128/),
      stg128: countOf(code, /^STG\.E\.128/),
      otherGlobal: countOf(code, /^(LDG|STG)\.E(?!\.128)/),
      registers,
      localBytes: stack + local,
      spills: countOf(code, /^(STL|LDL)/),
      sharedBytes: shared,
      instructions: instructions.length,
    };
  });
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
