import type { Tensor } from '../../lib/tensor/index.ts';

export type Layer = typeof import('../../lib/tensor/index.ts');
/** Calls one entry point; uses nothing but its parameters, so that its text can run in a worker. */
export type Call = (ibn: Layer, x: Tensor) => unknown;

export interface Entry {
  call: Call;
  /** What happens when `x` is disposed: `throws` ERR_TENSOR_DISPOSED, or the entry does not mind. */
  disposed: 'throws' | 'fine';
}

const throws = (call: Call): Entry => ({ call, disposed: 'throws' });
const fine = (call: Call): Entry => ({ call, disposed: 'fine' });

/** Every function that the tensor layer exports. */
export const functions: Record<string, Entry> = {
  Complex: fine((ibn) => String(new ibn.Complex(1, 2))),
  Generator: fine((ibn) => new ibn.Generator().manualSeed(1).getState().numel()),
  MappedFile: fine((ibn) => ibn.MappedFile.open.length),
  OpaqueValue: fine((ibn) => ibn.OpaqueValue.name),
  Slice: fine((ibn) => new ibn.Slice(0, 1, 1).step),
  Tensor: fine((ibn, x) => x instanceof ibn.Tensor),
  UntypedStorage: fine((ibn) => ibn.UntypedStorage.fromBytes(new Uint8Array(4)).nbytes),
  allclose: throws((ibn, x) => ibn.allclose(x, x)),
  arange: fine((ibn) => ibn.arange(3)),
  cat: throws((ibn, x) => ibn.cat([x, x])),
  cudaInfo: fine((ibn) => ibn.cudaInfo().available),
  detectAnomaly: fine((ibn) => ibn.detectAnomaly(() => ibn.isAnomalyEnabled())),
  dtypeOfArray: fine((ibn) => ibn.dtypeOfArray(new Float32Array(1))),
  empty: fine((ibn) => ibn.empty([2])),
  emptyCpuCache: fine((ibn) => ibn.emptyCpuCache()),
  emptyLike: throws((ibn, x) => ibn.emptyLike(x)),
  enableGrad: fine((ibn) => ibn.enableGrad(() => ibn.isGradEnabled())),
  equal: throws((ibn, x) => ibn.equal(x, x)),
  eye: fine((ibn) => ibn.eye(2)),
  formatParameter: throws((ibn, x) => ibn.formatParameter(x)),
  formatTensor: throws((ibn, x) => ibn.formatTensor(x)),
  fromBuffer: fine((ibn) => ibn.fromBuffer(new Float32Array(2))),
  full: fine((ibn) => ibn.full([2], 1)),
  fullLike: throws((ibn, x) => ibn.fullLike(x, 1)),
  getNumInteropThreads: fine((ibn) => ibn.getNumInteropThreads() > 0),
  getNumThreads: fine((ibn) => ibn.getNumThreads() > 0),
  getPrintoptions: fine((ibn) => ibn.getPrintoptions().precision),
  getRngState: fine((ibn) => ibn.getRngState().numel()),
  backward: throws((ibn, x) => ibn.backward([x])),
  grad: throws((ibn, x) => ibn.grad([x], [x])),
  inferenceMode: fine((ibn) => ibn.inferenceMode(() => ibn.isInferenceModeEnabled())),
  initialSeed: fine((ibn) => typeof ibn.initialSeed()),
  isAnomalyEnabled: fine((ibn) => ibn.isAnomalyEnabled()),
  isComplex: fine((ibn) => ibn.isComplex('complex64')),
  isFloatingPoint: fine((ibn) => ibn.isFloatingPoint('int8')),
  isGradEnabled: fine((ibn) => typeof ibn.isGradEnabled()),
  isInferenceModeEnabled: fine((ibn) => typeof ibn.isInferenceModeEnabled()),
  isTensor: fine((ibn, x) => ibn.isTensor(x)),
  keep: fine((ibn, x) => ibn.keep(x) === x),
  linspace: fine((ibn) => ibn.linspace(0, 1, 3)),
  listOps: fine((ibn) => ibn.listOps().length > 1000),
  manualSeed: fine((ibn) => ibn.manualSeed(1)),
  memoryStats: fine((ibn) => ibn.memoryStats().tensors > 0),
  noGrad: fine((ibn) => ibn.noGrad(() => ibn.isGradEnabled())),
  ones: fine((ibn) => ibn.ones([2])),
  onesLike: throws((ibn, x) => ibn.onesLike(x)),
  ops: throws((ibn, x) => ibn.ops.aten.relu(x)),
  rand: fine((ibn) => ibn.rand([2]).shape),
  randLike: throws((ibn, x) => ibn.randLike(x).shape),
  randint: fine((ibn) => ibn.randint(0, 2, [2]).shape),
  randn: fine((ibn) => ibn.randn([2]).shape),
  randnLike: throws((ibn, x) => ibn.randnLike(x).shape),
  randperm: fine((ibn) => ibn.randperm(3).shape),
  resetPeakMemoryStats: fine((ibn) => ibn.resetPeakMemoryStats()),
  runtimeInfo: fine((ibn) => ibn.runtimeInfo().torchVersion),
  scope: throws((ibn, x) => ibn.scope(() => x.neg())),
  seed: fine((ibn) => typeof ibn.seed()),
  setDetectAnomaly: fine((ibn) => ibn.setDetectAnomaly(false)),
  setGradEnabled: fine((ibn) => ibn.setGradEnabled(ibn.isGradEnabled())),
  setNumThreads: fine((ibn) => ibn.setNumThreads(ibn.getNumThreads())),
  setPrintoptions: fine((ibn) => ibn.setPrintoptions({ profile: 'default' })),
  setRngState: throws((ibn, x) => ibn.setRngState(x)),
  slice: fine((ibn) => ibn.slice(1).start),
  stack: throws((ibn, x) => ibn.stack([x, x])),
  tensor: throws((ibn, x) => ibn.tensor(x)),
  tensorFromStorage: throws((ibn, x) => ibn.tensorFromStorage(x.untypedStorage(), 'uint8', 0, [1], [1])),
  where: throws((ibn, x) => ibn.where(x, x, x)),
  zeros: fine((ibn) => ibn.zeros([2])),
  zerosLike: throws((ibn, x) => ibn.zerosLike(x)),
};

/** Every member that Tensor defines itself, besides the methods that are ops. */
export const members: Record<string, Entry> = {
  shape: throws((_, x) => x.shape),
  dtype: throws((_, x) => x.dtype),
  device: throws((_, x) => x.device),
  layout: throws((_, x) => x.layout),
  itemsize: throws((_, x) => x.itemsize),
  requiresGrad: throws((_, x) => x.requiresGrad),
  requiresGrad_: throws((_, x) => x.requiresGrad_().requiresGrad),
  isLeaf: throws((_, x) => x.isLeaf),
  gradFn: throws((_, x) => x.gradFn),
  grad: throws((_, x) => x.grad),
  retainGrad: throws((_, x) => x.requiresGrad_().retainGrad()),
  retainsGrad: throws((_, x) => x.retainsGrad),
  registerHook: throws((_, x) =>
    x
      .requiresGrad_()
      .registerHook(() => {})
      .remove(),
  ),
  registerPostAccumulateGradHook: throws((_, x) =>
    x
      .requiresGrad_()
      .registerPostAccumulateGradHook(() => {})
      .remove(),
  ),
  dim: throws((_, x) => x.dim()),
  ndim: throws((_, x) => x.ndim),
  numel: throws((_, x) => x.numel()),
  size: throws((_, x) => x.size(0)),
  stride: throws((_, x) => x.stride()),
  storageOffset: throws((_, x) => x.storageOffset()),
  isContiguous: throws((_, x) => x.isContiguous()),
  isCuda: throws((_, x) => x.isCuda),
  item: throws((_, x) => x.item()),
  data: throws((_, x) => x.data().length),
  toArray: throws((_, x) => x.toArray()),
  isSame: throws((_, x) => x.isSame(x)),
  untypedStorage: throws((_, x) => x.untypedStorage().nbytes),
  to: throws((_, x) => x.to('float64')),
  cpu: throws((_, x) => x.cpu()),
  cuda: throws((_, x) => x.cuda().device),
  // What they reject with is tested in test/cuda.
  cpuAsync: fine((_, x) => {
    x.cpuAsync().catch(() => undefined);
  }),
  dataAsync: fine((_, x) => {
    x.dataAsync().catch(() => undefined);
  }),
  float: throws((_, x) => x.float()),
  double: throws((_, x) => x.double()),
  half: throws((_, x) => x.half()),
  bfloat16: throws((_, x) => x.bfloat16()),
  long: throws((_, x) => x.long()),
  int: throws((_, x) => x.int()),
  bool: throws((_, x) => x.bool()),
  index: throws((_, x) => x.index(0)),
  setIndex: throws((_, x) => x.setIndex([0], 1)),
  backward: throws((_, x) => x.backward()),
  where: throws((_, x) => x.where(x.gt(0), x).shape),
  // Refuses whatever the tensor is: test/tensor/primitive.test.ts.
  toJSON: fine((_, x) => {
    try {
      x.toJSON();
    } catch {}
  }),
  disposed: fine((_, x) => x.disposed),
  dispose: fine((_, x) => x.dispose()),
  toString: throws((_, x) => x.toString()),
};

export const entries: Record<string, Entry> = {
  ...functions,
  ...Object.fromEntries(Object.entries(members).map(([name, entry]) => [`Tensor.${name}`, entry])),
};
