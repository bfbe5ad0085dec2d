/** ibn-net: run, train and deploy IBN-Net from TypeScript. torch's names from the root. */
export * as adapt from './adapt/index.ts';
export * as amp from './amp/index.ts';
export { autocast, GradScaler } from './amp/index.ts';
export * as autograd from './autograd/index.ts';
export * as checkpoint from './checkpoint/index.ts';
export { load, save } from './checkpoint/index.ts';
export * from './compile/index.ts';
export {
  areDeterministicAlgorithmsEnabled,
  backends,
  getFloat32MatmulPrecision,
  setFloat32MatmulPrecision,
  useDeterministicAlgorithms,
} from './cuda/backends.ts';
export * as cuda from './cuda/index.ts';
export * from './data/index.ts';
export * as distributed from './distributed/index.ts';
export * as distributions from './distributions/index.ts';
export { CheckpointError, CudaOutOfMemoryError, HubError, LibtorchError, TorchError } from './errors.ts';
export * from './functions/index.ts';
export * as hub from './hub/index.ts';
export * as models from './models/index.ts';
export * as nn from './nn/index.ts';
export * as optim from './optim/index.ts';
export { type PlotSpec, plotSvg } from './plot/index.ts';
export * as reid from './reid/index.ts';
export * as segment from './segment/index.ts';
export * as serve from './serve/index.ts';
export * as studies from './studies/index.ts';
export * from './tensor/index.ts';
export * as train from './train/index.ts';
export * as utils from './utils/index.ts';
