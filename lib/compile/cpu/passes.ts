import type { Pass } from '../graph/graph.ts';
import { exchangePooling } from '../passes/exchange-pooling.ts';
import { foldBatchNorm } from '../passes/fold-batch-norm.ts';
import { foldVectorNorm } from '../passes/fold-vector-norm.ts';
import { fuseApply } from '../passes/fuse-apply.ts';
import { fuseEpilogue } from '../passes/fuse-epilogue.ts';
import { fuseLinear } from '../passes/fuse-linear.ts';
import { fusePointwise } from '../passes/fuse-pointwise.ts';
import { fusePrologue } from '../passes/fuse-prologue.ts';
import { hoistNorms, joinNorms } from '../passes/join-norms.ts';

/** All passes, in the order in which they build on each other. */
export const passes: readonly Pass[] = [
  joinNorms,
  foldBatchNorm,
  hoistNorms,
  exchangePooling,
  fuseLinear,
  fusePointwise,
  foldVectorNorm,
  fuseEpilogue,
  fuseApply,
  fusePrologue,
];
