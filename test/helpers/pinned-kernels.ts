/** An environment in which libtorch takes the kernels of any x86 processor with AVX2, whatever this one can do. */
export const PINNED_KERNELS = {
  ATEN_CPU_CAPABILITY: 'avx2',
  ONEDNN_MAX_CPU_ISA: 'AVX2',
  MKL_CBWR: 'AVX2',
};
