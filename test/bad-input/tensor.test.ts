import { afterEach, describe } from 'vitest';
import * as T from '../../lib/tensor/index.ts';
import { made, refusesBadInput } from './area.ts';
import { exportsOf } from './exports.ts';
import type { GoodCall } from './judge.ts';

type Call = GoodCall['call'];
const generator = new T.Generator();
const x = T.randn([2, 3]);
const y = T.randn([2, 3]);
const state = T.getRngState();
const storage = x.clone().untypedStorage();
const options = { dtype: 'float64', device: 'cpu', requiresGrad: true };
const random = { ...options, generator };
const like = { ...options, memoryFormat: 'contiguous_format' };

const calls: Record<string, [args: unknown[], call?: Call]> = {
  Complex: [[1, 2], made(T.Complex as never)],
  detectAnomaly: [[() => 1, { checkNan: false }]],
  setDetectAnomaly: [[false, { checkNan: true }]],
  allclose: [[x, x, { rtol: 1e-5, atol: 1e-8, equalNan: true }]],
  equal: [[x, x]],
  backward: [[[x.clone().requiresGrad_()], [y], { retainGraph: true, createGraph: true }]],
  grad: [[[x.clone().requiresGrad_()], [x.clone().requiresGrad_()], { allowUnused: true, gradOutputs: [y] }]],
  dtypeOfArray: [[new Float32Array(2)]],
  isComplex: [['float32']],
  isFloatingPoint: [['float32']],
  Slice: [[0, 2, 1], made(T.Slice as never)],
  slice: [[0, 2, 1]],
  enableGrad: [[() => 1]],
  inferenceMode: [[() => 1]],
  noGrad: [[() => 1]],
  setGradEnabled: [[true]],
  formatParameter: [[x]],
  formatTensor: [[x]],
  setPrintoptions: [[{ precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sciMode: false }]],
  Generator: [['cpu'], made(T.Generator as never)],
  manualSeed: [[3]],
  setRngState: [[state]],
  setNumThreads: [[1]],
  keep: [[x]],
  scope: [[() => 1]],
  tensor: [[[1, 2], options]],
  fromBuffer: [[new Float32Array(6), { dtype: 'float32', shape: [2, 3], offset: 0 }]],
  tensorFromStorage: [[storage, 'float32', 0, [2, 3], [3, 1]]],
  zeros: [[[2, 3], options]],
  ones: [[[2, 3], options]],
  empty: [[[2, 3], like]],
  rand: [[[2, 3], random]],
  randn: [[[2, 3], random]],
  full: [[[2, 3], 1.5, options]],
  randint: [[0, 5, [2, 3], { generator, dtype: 'int64', device: 'cpu' }]],
  randperm: [[5, { generator, dtype: 'int64', device: 'cpu' }]],
  arange: [[1, 5, 2, options]],
  linspace: [[0, 1, 5, options]],
  eye: [[3, 2, options]],
  zerosLike: [[x, like]],
  onesLike: [[x, like]],
  emptyLike: [[x, like]],
  randLike: [[x, like]],
  randnLike: [[x, like]],
  fullLike: [[x, 1.5, options]],
};

const NOTHING = 'takes nothing';
const OTHERS: Record<string, string> = {
  listOps: NOTHING,
  OpaqueValue: 'what ops give',
  isAnomalyEnabled: NOTHING,
  isGradEnabled: NOTHING,
  isInferenceModeEnabled: NOTHING,
  getPrintoptions: NOTHING,
  getRngState: NOTHING,
  initialSeed: NOTHING,
  seed: NOTHING,
  cudaInfo: NOTHING,
  emptyCpuCache: NOTHING,
  getNumInteropThreads: NOTHING,
  getNumThreads: NOTHING,
  memoryStats: NOTHING,
  resetPeakMemoryStats: NOTHING,
  runtimeInfo: NOTHING,
  MappedFile: 'what checkpoints are read from',
  UntypedStorage: 'what a tensor has',
  isTensor: 'asks',
  cat: 'among the ops',
  stack: 'among the ops',
  where: 'among the ops',
  Tensor: 'what functions give',
};

/** Methods written here, not made of ops. */
const methods: Record<string, unknown[]> = {
  requiresGrad_: [true],
  registerHook: [(gradient: T.Tensor) => gradient],
  registerPostAccumulateGradHook: [() => undefined],
  size: [1],
  isContiguous: ['contiguous_format'],
  isSame: [y],
  to: [{ device: 'cpu', dtype: 'float64', copy: true, nonBlocking: false, memoryFormat: 'preserve_format' }],
  index: [T.slice(0, 1), 1],
  setIndex: [[0, 1], 2],
  where: [x.gt(0), y],
  backward: [y, { retainGraph: true, createGraph: false, inputs: [] }],
};

/** Properties that can be set. */
const setters: Record<string, unknown> = { requiresGrad: true, grad: y };

const leaf = (): T.Tensor => x.clone().requiresGrad_();
/** What may be written into, and what gradients come from. */
const selves: Record<string, () => T.Tensor> = { setIndex: () => x.clone(), backward: () => leaf().mul(1) };

describe('functions of tensors refuse bad input in words', () => {
  afterEach(() => {
    T.setGradEnabled(true);
    T.setPrintoptions({ profile: 'default' });
    T.setDetectAnomaly(false);
  });
  const goods: GoodCall[] = [
    ...Object.entries(calls).map(([name, [args, call]]) => {
      return { name, args, call: call ?? (Reflect.get(T, name) as Call) };
    }),
    ...Object.entries(methods).map(([name, args]) => {
      const call = (...given: unknown[]) => {
        const self = (selves[name] ?? leaf)();
        return Reflect.apply(Reflect.get(self, name) as Call, self, given) as unknown;
      };
      return { name: `Tensor.${name}`, args, call };
    }),
    ...Object.entries(setters).map(([name, value]) => {
      const call = (given: unknown) => {
        Reflect.set(leaf(), name, given);
      };
      return { name: `Tensor.${name}`, args: [value], call };
    }),
    {
      name: 'Generator.manualSeed',
      args: [3],
      call: (...given: unknown[]) => Reflect.apply(generator.manualSeed, generator, given),
    },
    {
      name: 'Generator.setState',
      args: [state],
      call: (...given: unknown[]) => Reflect.apply(generator.setState, generator, given),
    },
  ];
  refusesBadInput('tensor', goods, exportsOf(T as unknown as Record<string, unknown>, ''), OTHERS);
});
