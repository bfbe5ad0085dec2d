// Records what nvcc made of the kernels: accesses of 128 bits, registers and spills of each on each architecture, and what
// the library weighs. Needs a build of them, no GPU and no disassembler.
//   node scripts/cuda/measure-code.mjs      writes bench/results/cuda-kernels.json
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { findCubins, findKernels, readCubin } from './code.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const library = findKernels();
const cubins = findCubins();
if (library === undefined || cubins === undefined) {
  console.error('Expected libibn_cuda.so and its cubins, found none; run: node scripts/cuda/build.mjs');
  process.exit(1);
}

const kernels = Object.entries(cubins).flatMap(([architecture, path]) =>
  readCubin(path).map(({ mangled: _, ...kernel }) => ({ architecture, ...kernel })),
);
const wide = kernels.filter(({ vector }) => vector > 1);
const spilling = kernels.filter(({ ldl, stl }) => ldl + stl > 0);
const most = (key, list) => Math.max(0, ...list.map((one) => one[key]));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const result = {
  question: 'What the machine code of the fused norm is made of; compiled, not run',
  date: new Date().toISOString().slice(0, 10),
  versions: {
    'ibn-net': version,
    nvcc: /V([\d.]+)/.exec(spawnSync('nvcc', ['--version'], { encoding: 'utf8' }).stdout)?.[1] ?? null,
  },
  library: {
    bytes: statSync(library).size,
    gzipBytes: gzipSync(readFileSync(library)).length,
    codeBytes: Object.fromEntries(Object.entries(cubins).map(([name, path]) => [name, statSync(path).size])),
  },
  summary: {
    architectures: Object.keys(cubins).length,
    kernels: kernels.length / Object.keys(cubins).length,
    wideKernels: wide.length / Object.keys(cubins).length,
    wideWithoutWideLoads: wide.filter(({ ldg128 }) => ldg128 === 0).length,
    wideWithoutWideStores: wide.filter(({ stg128 }) => stg128 === 0).length,
    mostRegisters: most('registers', kernels),
    spilling: spilling.length,
    mostSpilledLoads: most('ldl', spilling),
  },
};
const lines = kernels.map((row) => `  ${JSON.stringify(row)}`).join(',\n');
const head = JSON.stringify(result, null, 1).slice(0, -2);
writeFileSync(join(root, 'bench/results/cuda-kernels.json'), `${head},\n "kernels": [\n${lines}\n ]\n}\n`);
console.log(result.library, result.summary);
if (spilling.length > 0) console.table(spilling);
