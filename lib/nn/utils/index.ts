/** torch.nn.utils: gradients, parameters, sequences, parametrizations. */
export { skipInit } from '../init/skip-init.ts';
export { fuseNorms } from './fuse-norms.ts';
export {
  fuseConvBnEval,
  fuseConvBnWeights,
  fuseLinearBnEval,
  fuseLinearBnWeights,
} from './fusion.ts';
export {
  clipGradNorm_,
  clipGradsWithNorm_,
  clipGradValue_,
  getTotalNorm,
  type NormOptions,
} from './gradients.ts';
export * as parametrizations from './parametrizations.ts';
export * as parametrize from './parametrize.ts';
export * as rnn from './rnn.ts';
export { parametersToVector, vectorToParameters } from './vectors.ts';
