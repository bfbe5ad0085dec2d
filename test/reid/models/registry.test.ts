import { describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';

describe('reid.create', () => {
  it('builds networks by name, with the options of their own', () => {
    const strong = reid.create('strong-baseline/resnet18', {
      numClasses: 7,
      neck: 'no',
    }) as reid.StrongBaseline;
    expect(strong.classifier.weight.shape).toEqual([7, 512]);
    const fast = reid.create('fast-reid/sbs', { depth: '18x', numClasses: 3 }) as reid.FastReID;
    expect(fast.options.poolLayer).toBe('GeneralizedMeanPoolingP');
    expect((reid.create('osnet_ain_x0_25') as reid.OSNet).kind).toBe('ain');
  });

  it('lists every network once', () => {
    const names = reid.list();
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('strong-baseline/senet154');
    expect(names.length).toBe(30);
  });

  it('says which name was meant, and refuses options of others', () => {
    expect(() => reid.create('osnet_x1')).toThrow('Unknown network "osnet_x1"; did you mean osnet_x1_0?');
    expect(() => reid.create('strong-baseline/resnet18', { depth: '18x' })).toThrow('got "depth"');
    expect(() => reid.create(3 as never)).toThrow(TypeError);
  });
});
