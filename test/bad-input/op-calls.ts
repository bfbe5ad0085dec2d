import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import * as ibn from '../../lib/index.ts';
import { toCamelCase } from '../../lib/ops/naming.ts';
import { root } from '../helpers/index.ts';
import { decode, decodeOptions } from '../nn/module-cases.ts';

interface Recorded {
  args: unknown[];
  options: Record<string, unknown>;
}

const path = join(root, 'test/fixtures/bad-input/good-calls.json.gz');
const recorded = JSON.parse(gunzipSync(readFileSync(path)).toString('utf8')) as Record<string, Recorded>;
const camel = (name: string) => name.split('.').map(toCamelCase).join('.');
const byName = new Map(Object.entries(recorded).map(([name, call]) => [camel(name), call]));

const { ones, randn, tensor } = ibn;
const x = randn([2, 3]);
const unit = randn([2, 3]).sigmoid();
const square = randn([3, 3]);
const int = (...values: number[]) => tensor(values, { dtype: 'int64' });
const sparse = ibn.sparseCooTensor(
  tensor(
    [
      [0, 1],
      [1, 0],
    ],
    { dtype: 'int64' },
  ),
  ones([2]),
  [3, 3],
);
const csr = ibn.sparseCsrTensor(int(0, 1, 1, 2), int(1, 0), ones([2]), [3, 3]);
const csc = ibn.sparseCscTensor(int(0, 1, 1, 2), int(1, 0), ones([2]), [3, 3]);
const blocks = ones([2, 1, 1]);
const quantized = ibn.quantizePerTensor(randn([2, 3, 6, 6]), 0.1, 10, 'quint8');

/** Of one tensor, and of one from 0 to 1. */
const UNARY =
  'abs absolute angle arcsin arcsinh arctan arctanh asin asinh atan atanh ceil celu_ conjPhysical deg2rad dequantize detachCopy erf erfinv expm1 fix floor frac isConj isInference isinf isnan isneginf isposinf log1p neg negative numel positive rad2deg relu_ rrelu_ selu_ sgn sign signbit sin sinh sqrt tan tanh trunc nonzero special.erf special.erfinv special.expm1 special.log1p'.split(
    ' ',
  );

/** Ops that PyTorch's database does not have, or not in the form that they have here. */
const OTHERS: Record<string, unknown[]> = {
  ...Object.fromEntries(UNARY.map((name) => [name, [unit.clone()]])),
  bartlettWindow: [8, { periodic: true, dtype: 'float64' }],
  blackmanWindow: [8, { periodic: true }],
  hammingWindow: [8, { periodic: true, alpha: 0.5 }],
  hannWindow: [8, { periodic: true }],
  kaiserWindow: [8, { periodic: true, beta: 10 }],
  canCast: ['float32', 'int64'],
  promoteTypes: ['float32', 'int64'],
  resultType: [x, 3],
  channelShuffle: [randn([1, 4, 2, 2]), 2],
  nativeChannelShuffle: [randn([1, 4, 2, 2]), 2],
  convTbc: [randn([6, 2, 3]), randn([3, 3, 4]), randn([4]), 1],
  cdist: [x, x, { p: 3, computeMode: 'donot_use_mm_for_euclid_dist' }],
  einsum: ['ij,kj->ik', x, x],
  norm: [x, { p: 3, dim: 1, keepdim: true, dtype: 'float64' }],
  tensordot: [square, square, 1],
  stft: [
    randn([64]),
    16,
    { hopLength: 4, window: ones([16]), center: true, normalized: true, returnComplex: true },
  ],
  dropout: [x, 0.2, true],
  embedding: [x, int(1, 0), { paddingIdx: 1, scaleGradByFreq: true, sparse: false }],
  emptyPermuted: [[2, 3], [1, 0], { dtype: 'float64' }],
  emptyStrided: [[2, 3], [3, 1], { dtype: 'float64' }],
  maxPool1d: [randn([1, 2, 6]), [2], { stride: [2], padding: [1], dilation: [1], ceilMode: true }],
  maxPool2d: [randn([1, 2, 6, 6]), [2, 2], { stride: [2, 2], padding: [1, 1], ceilMode: true }],
  maxPool3d: [randn([1, 2, 6, 6, 6]), [2, 2, 2], { stride: [2, 2, 2], padding: [1, 1, 1] }],
  normal: [x, unit],
  polygamma: [1, unit],
  'special.polygamma': [1, unit],
  'special.gammainc': [unit, unit],
  'special.gammaincc': [unit, unit],
  isNonzero: [tensor([1])],
  poisson: [unit],
  range: [0, 5, { step: 1 }],
  searchsorted: [tensor([1, 3, 5]), tensor([2, 4]), { outInt32: true, right: true }],
  segmentReduce: [randn([4]), 'max', { lengths: int(1, 3), axis: 0, unsafe: false }],
  selectCopy: [x, 0, 1],
  sliceCopy: [x, 0, 0, 1, 1],
  sliceScatter: [x, randn([1, 3]), 0, 0, 1, 1],
  splitCopy: [x, 1, 0],
  slogdet: [square],
  svd: [x, { some: true, computeUv: true }],
  'linalg.svd': [x, true, { driver: null }],
  threshold_: [x.clone(), 0.1, 2],
  vander: [tensor([1, 2, 3]), 3, true],
  viewAsComplexCopy: [randn([2, 2])],
  viewAsRealCopy: [tensor([1, 2]).to('complex64')],
  'fft.fftfreq': [5, 0.5],
  'fft.rfftfreq': [5, 0.5],
  fakeQuantizePerChannelAffine: [x, ones([3]), int(0, 0, 0).to('int32'), 1, 0, 255],
  fakeQuantizePerTensorAffine: [x, 0.1, 0, 0, 255],
  quantizePerChannel: [x, ones([3]), int(0, 0, 0), 1, 'quint8'],
  quantizePerTensor: [x, 0.1, 10, 'quint8'],
  quantizePerTensorDynamic: [x, 'quint8', true],
  quantizedBatchNorm: [quantized, ones([3]), ones([3]), ones([3]), ones([3]), 1e-5, 0.1, 3],
  quantizedMaxPool2d: [quantized, [2, 2], [2, 2], [0, 0], [1, 1], true],
  sparseCooTensor: [
    tensor(
      [
        [0, 1],
        [1, 0],
      ],
      { dtype: 'int64' },
    ),
    ones([2]),
    [3, 3],
  ],
  sparseCsrTensor: [int(0, 1, 1, 2), int(1, 0), ones([2]), [3, 3]],
  sparseCscTensor: [int(0, 1, 1, 2), int(1, 0), ones([2]), [3, 3]],
  sparseBsrTensor: [int(0, 1, 1, 2), int(1, 0), blocks, [3, 3]],
  sparseBscTensor: [int(0, 1, 1, 2), int(1, 0), blocks, [3, 3]],
  sparseCompressedTensor: [int(0, 1, 1, 2), int(1, 0), ones([2]), [3, 3], { layout: 'sparse_csr' }],
  colIndicesCopy: [csr],
  crowIndicesCopy: [csr],
  ccolIndicesCopy: [csc],
  rowIndicesCopy: [csc],
  hspmm: [sparse, square],
  smm: [sparse, square],
  sspaddmm: [sparse, sparse, square],
};

/** Ops that are called in no test here, with the reason. */
export const LEFT_OUT: Record<string, string> = {
  fromFile: 'reads a file',
  indicesCopy: 'libtorch 2.13 has no kernel of it for sparse tensors',
  valuesCopy: 'libtorch 2.13 has no kernel of it for sparse tensors',
  quantizedMaxPool1d: 'libtorch 2.13 has no kernel for what quantizes here',
};

/** A call of an op that works; undefined where there is none. */
export function opCall(name: string): unknown[] | undefined {
  if (name in OTHERS) return OTHERS[name];
  const call: Recorded | undefined = byName.get(name) ?? byName.get(`nn.functional.${name}`);
  return call && [...call.args.map(decode), ...decodeOptions(call.options)];
}
