import { describe, expect, it } from 'vitest';
import { hoistNorms, joinNorms } from '../../../lib/compile/passes/join-norms.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { afterPasses, prepared } from '../../helpers/plans.ts';

const behindConv = (norm: nn.Module) => prepared(new nn.Sequential(new nn.Conv2d(2, 8, 3), norm));

describe('joinNorms', () => {
  it('makes one norm of split, IN, BN and cat', () => {
    const lines = afterPasses(behindConv(new models.IBN(8, 0.25)), [1, 2, 8, 8], joinNorms);
    expect(lines).toEqual(['input()', 'conv(0)', 'norm(1) [IN 2, BN 6]']);
  });

  it('takes the parts in the other order of DenseNet', () => {
    const lines = afterPasses(behindConv(new models.DenseIBN(8, 0.5)), [1, 2, 8, 8], joinNorms);
    expect(lines).toEqual(['input()', 'conv(0)', 'norm(1) [BN 4, IN 4]']);
  });

  it('lets channels pass that no norm changes', () => {
    const lines = afterPasses(behindConv(new models.IBN_d(8, 0.5)), [1, 2, 8, 8], joinNorms);
    expect(lines).toEqual(['input()', 'conv(0)', 'norm(1) [IN 4, same 4]']);
  });

  it('leaves a concatenation alone that is not all channels in order', () => {
    const lines = afterPasses(behindConv(new models.IBN_c(8)), [1, 2, 8, 8], joinNorms);
    expect(lines).toEqual(['input()', 'conv(0)', 'norm(1) [IN 8]', 'norm(1) [BN 8]', 'cat(2, 3)']);
  });
});

describe('hoistNorms', () => {
  it('normalises after the concatenation where parts are norms', () => {
    const lines = afterPasses(behindConv(new models.IBN_c(8)), [1, 2, 8, 8], joinNorms, hoistNorms);
    expect(lines).toEqual(['input()', 'conv(0)', 'cat(1, 1)', 'norm(2) [IN 8, BN 8]']);
  });
});
