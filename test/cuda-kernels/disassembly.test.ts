import { describe, expect, it } from 'vitest';
import {
  type Code,
  disassemble,
  findCubins,
  findDisassembler,
  parseKernel,
  readCubin,
} from '../../scripts/cuda/code.mjs';

const cubins = findCubins() ?? {};
const cuobjdump = findDisassembler();
const isBuilt = Object.keys(cubins).length > 0;

const text = ({ name, dtype, vector, slots }: Code) => `${name}<${dtype}, ${vector}, ${slots}>`;

it('has the kernels where the machine has to', (context) => {
  if (!isBuilt && process.env.REQUIRE_CUDA !== '1') context.skip('no cubins');
  expect(isBuilt, 'no cubins; node scripts/cuda/build.mjs builds the kernels').toBe(true);
});

it('reads the names of kernels', () => {
  const mangled = '_ZN3ibn4cuda13planesForwardI6__halfLi8ELi4EEEvNS0_7ForwardENS0_4GridEi';
  expect(parseKernel(mangled)).toEqual({ name: 'planesForward', dtype: 'float16', vector: 8, slots: 4 });
  expect(parseKernel('_ZN3ibn4cuda14combineForwardENS0_7ForwardE')).toEqual({ name: 'combineForward' });
});

describe.skipIf(!isBuilt)('the machine code of the kernels', () => {
  it('is there for every architecture', () => {
    expect(Object.keys(cubins)).toEqual(['sm_75', 'sm_80', 'sm_86', 'sm_89', 'sm_90', 'sm_100']);
  });

  it.each(Object.entries(cubins))('reads and writes 128 bits at once on %s', (_, path) => {
    const norms = readCubin(path).filter(({ vector }) => vector !== undefined);
    expect(norms).toHaveLength(42);
    const wide = norms.filter(({ vector }) => (vector as number) > 1);
    expect(wide).toHaveLength(30);
    // Each access of a thread is an instruction: as many as it has slots, for each tensor that is read.
    const narrow = wide.filter(({ name, slots, ldg128, stg128 }) => {
      const tensors = name.endsWith('Backward') ? 2 : 1;
      return ldg128 < tensors * (slots as number) || stg128 < (slots as number);
    });
    expect(narrow.map(text)).toEqual([]);
    const scalar = norms.filter(({ vector }) => vector === 1);
    expect(scalar.filter(({ ldg128, stg128 }) => ldg128 + stg128 > 0).map(text)).toEqual([]);
    // 512 threads of a block share 65,536 registers.
    for (const { registers } of norms) expect(registers).toBeLessThanOrEqual(128);
  });

  it.each(Object.entries(cubins))('keeps its elements in registers on %s', (_, path) => {
    // The largest kernels, at their 128 registers, leave a few of a thread's in memory.
    const most = readCubin(path).filter(({ ldl, stl }) => ldl > 24 || stl > 24);
    expect(most.map((code) => `${text(code)}: ${code.ldl} loads, ${code.stl} stores`)).toEqual([]);
  });

  it.skipIf(cuobjdump === undefined)(
    "has the counts of NVIDIA's disassembler",
    () => {
      for (const path of Object.values(cubins)) {
        const wanted = disassemble(cuobjdump as string, path);
        const found = readCubin(path).map(({ mangled, ldg128, stg128, ldl, stl }) => [
          mangled,
          { ldg128, stg128, ldl, stl },
        ]);
        expect(new Map(found as [string, object][])).toEqual(wanted);
      }
    },
    300_000,
  );
});
