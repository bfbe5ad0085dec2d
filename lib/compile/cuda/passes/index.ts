import type { Pass } from '../../graph/graph.ts';
import { exchangePooling } from '../../passes/exchange-pooling.ts';
import { foldWholeBatchNorm } from '../../passes/fold-batch-norm.ts';
import { foldVectorNorm } from '../../passes/fold-vector-norm.ts';
import { fuseApply } from '../../passes/fuse-apply.ts';
import { fuseEpilogue } from '../../passes/fuse-epilogue.ts';
import { fuseLinear } from '../../passes/fuse-linear.ts';
import { hoistNorms, joinNorms } from '../../passes/join-norms.ts';
import { fuseNorm } from './fuse-norm.ts';
import { moveBias } from './move-bias.ts';

/** The passes for CUDA, in the order in which they build on each other. */
export const cudaPasses: readonly Pass[] = [
  joinNorms,
  foldWholeBatchNorm,
  hoistNorms,
  exchangePooling,
  fuseLinear,
  foldVectorNorm,
  fuseNorm,
  fuseEpilogue,
  moveBias,
  fuseApply,
];
