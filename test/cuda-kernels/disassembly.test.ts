import { describe, expect, it } from 'vitest';
import {
  architecturesOf,
  type Code,
  countOf,
  disassemble,
  findDisassembler,
  findKernels,
  parseKernel,
  resourcesOf,
} from '../../scripts/cuda-code.mjs';

const library = findKernels();
const cuobjdump = findDisassembler();
const missing = library === undefined ? 'libibn_cuda.so' : 'cuobjdump';
const isThere = library !== undefined && cuobjdump !== undefined;

const text = ({ name, dtype, vector, slots }: Code) => `${name}<${dtype}, ${vector}, ${slots}>`;

it('has the kernels and a disassembler where the machine has to', (context) => {
  if (!isThere && process.env.REQUIRE_CUDA !== '1') context.skip(`no ${missing}`);
  expect(isThere, `${missing} is missing; node scripts/build-cuda.mjs builds the kernels`).toBe(true);
});

it('reads the names of kernels', () => {
  const mangled = '_ZN3ibn4cuda13planesForwardI6__halfLi8ELi4EEEvNS0_7ForwardENS0_4GridEi';
  expect(parseKernel(mangled)).toEqual({ name: 'planesForward', dtype: 'float16', vector: 8, slots: 4 });
  expect(parseKernel('_ZN3ibn4cuda14combineForwardENS0_7ForwardE')).toEqual({ name: 'combineForward' });
});

describe.skipIf(!isThere)('the machine code of the kernels', () => {
  const [dump, file] = [cuobjdump as string, library as string];

  it('is there for every architecture, and as PTX for later ones', () => {
    const { machine, ptx } = architecturesOf(dump, file);
    expect(machine).toEqual(['sm_75', 'sm_80', 'sm_86', 'sm_89', 'sm_90', 'sm_100']);
    expect(ptx).toEqual(['sm_100']);
  });

  it.each(['sm_75', 'sm_80', 'sm_90', 'sm_100'])(
    'reads and writes 128 bits at once, without spilling, on %s',
    (architecture) => {
      const kernels = disassemble(dump, file, architecture);
      const resources = resourcesOf(dump, file, architecture);
      const norms = kernels.filter(({ vector }) => vector !== undefined);
      expect(norms).toHaveLength(42);
      const wide = norms.filter(({ vector }) => (vector as number) > 1);
      expect(wide).toHaveLength(30);
      // Each access of a thread is one instruction: as many as it has slots, for each tensor that it reads.
      const narrow = wide.filter((code) => {
        const { name, slots } = code;
        const tensors = name.endsWith('Backward') ? 2 : 1;
        const [loads, stores] = [countOf(code, /^LDG\.E\.128/), countOf(code, /^STG\.E\.128/)];
        return loads < tensors * (slots as number) || stores < (slots as number);
      });
      expect(narrow.map(text)).toEqual([]);
      expect(norms.filter((code) => countOf(code, /^(STL|LDL)/) > 0).map(text)).toEqual([]);
      expect(resources.size).toBe(kernels.length);
      // 512 threads of a block share 65,536 registers.
      for (const { registers } of resources.values()) expect(registers).toBeLessThanOrEqual(128);
    },
    120_000,
  );
});
