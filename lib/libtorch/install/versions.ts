/** A file whose contents are known: anything else under its name is refused. */
export interface PinnedFile {
  name: string;
  sha256: string;
  /** Bytes. */
  size: number;
  /** Where it lies below PyTorch's download site, if its place there is known. */
  path?: string;
}

/** A libtorch build that installs from known files only: torch's first, then those it requires. */
export interface PinnedBuild {
  version: string;
  flavour: string;
  /** `process.platform` and `process.arch`. */
  platform: string;
  kind: 'wheel' | 'zip';
  files: readonly PinnedFile[];
}

/**
 * The builds whose files are pinned.
 *
 * A wheel differs between Python versions only in Python parts that are not installed here, so one wheel per
 * build serves every machine, with any Python or none. To add one, download it (`python3 -m pip download
 * --no-deps 'torch==2.13.0+cpu'`), run `sha256sum` and `stat -c %s` on it, and compare the sum with the one on
 * the index page that pip names. A CUDA build also lists every nvidia wheel that its METADATA requires.
 * Files that are not listed install from `--from` or where pip's index, or PyTorch's, states their sha256.
 */
export const PINNED_BUILDS: readonly PinnedBuild[] = [
  {
    version: '2.13.0',
    flavour: 'cpu',
    platform: 'linux-x64',
    kind: 'wheel',
    files: [
      {
        name: 'torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl',
        path: 'cpu/torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl',
        sha256: '6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b',
        size: 191_794_682,
      },
    ],
  },
  {
    version: '2.14.1',
    flavour: 'cu130',
    platform: 'linux-x64',
    kind: 'wheel',
    files: [
      {
        name: 'torch-2.14.1-cp311-cp311-manylinux_2_28_x86_64.whl',
        sha256: '305a61f61f35f128579f299c5bd33d475f6a01c6307336139632e30856c4854d',
        size: 554_581_699,
      },
      {
        name: 'cuda_toolkit-13.0.3.0-py2.py3-none-any.whl',
        sha256: 'd693caaa261214ddd7dbb60d68e71cbed884e68c2be7509778f3051da0b91c3f',
        size: 2_512,
      },
      {
        name: 'nvidia_cublas-13.1.1.3-py3-none-manylinux_2_27_x86_64.whl',
        sha256: '37936a16db8fe4ac1f065c2139360608a543a09275cb1a1af612e08cfa065436',
        size: 423_138_758,
      },
      {
        name: 'nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl',
        sha256: '4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8',
        size: 10_715_597,
      },
      {
        name: 'nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        sha256: 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575',
        size: 90_215_200,
      },
      {
        name: 'nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548',
        size: 2_243_632,
      },
      {
        name: 'nvidia_cudnn_cu13-9.24.0.43-py3-none-manylinux_2_27_x86_64.whl',
        sha256: '71f181cd810e90f9b6023b01186fe82d13d65f0ec098581ee201d39fad769e4b',
        size: 553_099_438,
      },
      {
        name: 'nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        sha256: '6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3',
        size: 214_085_489,
      },
      {
        name: 'nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        sha256: '08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44',
        size: 1_223_672,
      },
      {
        name: 'nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl',
        sha256: '1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc',
        size: 59_544_258,
      },
      {
        name: 'nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl',
        sha256: '0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112',
        size: 200_941_980,
      },
      {
        name: 'nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        sha256: '2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b',
        size: 145_942_937,
      },
      {
        name: 'nvidia_cusparselt_cu13-0.8.1-py3-none-manylinux2014_x86_64.whl',
        sha256: '786ce87568c303fadb5afcc7102d454cd3040d75f6f8626f5db460d1871f4dd0',
        size: 170_148_586,
      },
      {
        name: 'nvidia_nccl_cu13-2.30.7-py3-none-manylinux_2_18_x86_64.whl',
        sha256: 'cefa7fdb9710efd0f39c5f1be1d61ff6fc9a996c451265bd7fbdcf9455ed4b50',
        size: 215_965_170,
      },
      {
        name: 'nvidia_nvjitlink-13.4.92-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        sha256: 'e0391f24ed94ec879b84e3da4d4ec320c879aff681f2c7a638462f7199284323',
        size: 42_452_378,
      },
      {
        name: 'nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        sha256: '290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80',
        size: 60_412_546,
      },
      {
        name: 'nvidia_nvtx-13.0.85-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl',
        sha256: '4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4',
        size: 148_047,
      },
    ],
  },
];
