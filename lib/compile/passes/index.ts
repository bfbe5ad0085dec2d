import type { Pass } from '../graph.ts';
import { exchangePooling } from './exchange-pooling.ts';
import { foldBatchNorm } from './fold-batch-norm.ts';
import { foldVectorNorm } from './fold-vector-norm.ts';
import { fuseApply } from './fuse-apply.ts';
import { fuseEpilogue } from './fuse-epilogue.ts';
import { fuseLinear } from './fuse-linear.ts';
import { fusePre } from './fuse-pre.ts';
import { hoistNorms, joinNorms } from './join-norms.ts';

/** All passes, in the order in which they build on each other. */
export const passes: readonly Pass[] = [
  joinNorms,
  foldBatchNorm,
  hoistNorms,
  exchangePooling,
  fuseLinear,
  foldVectorNorm,
  fuseEpilogue,
  fuseApply,
  fusePre,
];
