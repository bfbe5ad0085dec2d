import { beforeEach, describe, expect, it } from 'vitest';
import type { Pass } from '../../../lib/compile/graph/graph.ts';
import { fuseApply } from '../../../lib/compile/passes/fuse-apply.ts';
import { fuseLinear } from '../../../lib/compile/passes/fuse-linear.ts';
import { leaveToLibtorch } from '../../../lib/compile/passes/leave-to-libtorch.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { manualSeed } from '../../../lib/tensor/index.ts';
import { errorOf } from '../../helpers/errors.ts';
import { afterPasses } from '../../helpers/plans.ts';

const INPUT = [1, 4, 8, 8];
const toLibtorch: Pass = (graph) => leaveToLibtorch(graph, 'eager');
const toError: Pass = (graph) => leaveToLibtorch(graph, 'error');

/** Means of a map's channels, and what becomes of them. */
const ofMeans = (...layers: nn.Module[]) =>
  new nn.Sequential(new models.GlobalAvgPool2d(), new nn.Flatten(), ...layers).eval();

// Not every mean below 0: there would be nothing to compare.
beforeEach(() => manualSeed(1));

describe('leaveToLibtorch', () => {
  it('makes calls of libtorch of what no other pass took', () => {
    const taken = afterPasses(ofMeans(new nn.Linear(4, 2), new nn.ReLU()), INPUT, fuseLinear, toLibtorch);
    expect(taken).toEqual(['input()', 'mean(0)', 'linear(1) relu']);
    expect(afterPasses(new nn.Flatten().eval(), INPUT, fuseLinear, toLibtorch)).toEqual([
      'input()',
      'aten(0)',
    ]);
    const relu = afterPasses(ofMeans(new nn.ReLU()), INPUT, fuseLinear, fuseApply, toLibtorch);
    expect(relu).toEqual(['input()', 'mean(0)', 'apply(1) relu']);
  });

  it('is an error that names the op, the reason and the module where that was not asked for', () => {
    const model = new nn.Sequential(new nn.Flatten()).eval();
    const error = errorOf(() => afterPasses(model, INPUT, fuseLinear, toError));
    expect(error).toMatchObject({ name: 'CompileError', code: 'ERR_COMPILE_UNSUPPORTED', module: '0' });
    expect(error.message).toContain('aten::flatten of a map that no linear layer reads');
    expect(error.message).toContain("pass { unsupported: 'eager' }");
  });
});
