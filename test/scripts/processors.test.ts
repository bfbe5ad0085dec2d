import { describe, expect, it } from 'vitest';
import { deaf, flagsOf, heard, lacks, PROCESSORS } from '../../scripts/processors.mjs';

const LOG = `onednn_verbose,v1,info,cpu,isa:Intel AVX2
MKL_VERBOSE oneMKL 2024.0 for Intel(R) 64 architecture Intel(R) Advanced Vector Extensions 2 (Intel(R) AVX2) enabled processors
MKL_VERBOSE SGEMM(T,N,64,64,64) 105.91ms CNR:OFF
kernels,avx2
aten,AVX2
`;

describe('the processors that one machine plays', () => {
  it('are those that it has the instructions of', () => {
    const flags = flagsOf('processor : 0\nflags\t\t: fpu sse4_1 sse4_2 avx2 fma bmi2\nbogomips : 4200\n');
    expect(lacks('baseline', flags)).toEqual([]);
    expect(lacks('avx2', flags)).toEqual([]);
    expect(lacks('avx512', flags)).toContain('avx512f');
    expect(lacks('avx2', flagsOf(''))).toEqual(['avx2', 'fma', 'bmi2']);
  });

  it('are heard in what each library says of itself', () => {
    expect(deaf('avx2', heard(LOG))).toEqual([]);
  });

  it.each([
    ['aten', LOG.replace('aten,AVX2', 'aten,AVX512')],
    ['onednn', LOG.replace('isa:Intel AVX2', 'isa:Intel AVX-512')],
    ['mkl', LOG.replace('(Intel(R) AVX2)', '(Intel(R) AVX-512)')],
    ['kernels', LOG.replace('kernels,avx2', 'kernels,avx512')],
    ['aten', LOG.replace('aten,AVX2', '')],
  ])('are not played where %s does not listen', (library, log) => {
    expect(deaf('avx2', heard(log))).toEqual([library]);
  });

  it('tell each library', () => {
    for (const { env } of Object.values(PROCESSORS)) {
      const names = ['ATEN_CPU_CAPABILITY', 'ONEDNN_MAX_CPU_ISA', 'IBN_NET_CPU_CAPABILITY'];
      expect(Object.keys(env)).toEqual(expect.arrayContaining(names));
      expect(Object.keys(env).filter((name) => name.startsWith('MKL_'))).toHaveLength(1);
    }
  });
});
