import { describe, expect, it } from 'vitest';
import { architecturesOf, disassemble, findDisassembler, findKernels } from './disassembly.ts';

const library = findKernels();
const cuobjdump = findDisassembler();
const missing = library === undefined ? 'libibn_cuda.so' : 'cuobjdump';
const isThere = library !== undefined && cuobjdump !== undefined;

/** `planesForward<half, 8, 4>`, whose threads read 8 elements at once. */
const widthOf = (name: string) => Number(/ELi?(\d+)ELi(\d+)EE/.exec(name)?.[1] ?? /Li(\d+)ELi\d+E/.exec(name)?.[1]);
const count = (instructions: readonly string[], pattern: RegExp) =>
  instructions.filter((name) => pattern.test(name)).length;

it('has the kernels and a disassembler where the machine has to', (context) => {
  if (!isThere && process.env.REQUIRE_CUDA !== '1') context.skip(`no ${missing}`);
  expect(isThere, `${missing} is missing; node scripts/build-cuda.mjs builds the kernels`).toBe(true);
});

describe.skipIf(!isThere)('the machine code of the kernels', () => {
  it('is there for every architecture, and as PTX for later ones', () => {
    const { machine, ptx } = architecturesOf(cuobjdump as string, library as string);
    expect(machine.sort()).toEqual(['sm_100', 'sm_75', 'sm_80', 'sm_86', 'sm_89', 'sm_90']);
    expect(ptx).toEqual(['sm_100']);
  });

  it.each(['sm_75', 'sm_80', 'sm_90', 'sm_100'])('reads and writes 128 bits at once, without spilling, on %s', (sm) => {
    const kernels = disassemble(cuobjdump as string, library as string, sm);
    const norms = [...kernels].filter(([name]) => /(planes|rows)(Forward|Backward)/.test(name));
    expect(norms.length).toBeGreaterThan(30);
    const wide = norms.filter(([name]) => widthOf(name) > 1);
    expect(wide.length).toBeGreaterThan(20);
    const narrow = wide.filter(
      ([, code]) => count(code, /^LDG\.E\.128/) === 0 || count(code, /^STG\.E\.128/) === 0,
    );
    expect(narrow.map(([name]) => name)).toEqual([]);
    const spilled = norms.filter(([, code]) => count(code, /^(STL|LDL)/) > 0);
    expect(spilled.map(([name]) => name)).toEqual([]);
  }, 120_000);
});
