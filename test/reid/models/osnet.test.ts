import { describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import { type Tensor, zeros } from '../../../lib/tensor/index.ts';
import { compare, type Figures, published } from './figures.ts';

const FIGURES = published('torchreid');
const NAMES = Object.keys(FIGURES).filter((name) => !name.includes(' '));
type Entry = (options?: reid.OSNetOptions) => reid.OSNet;
const entry = (name: string) => (reid as unknown as Record<string, Entry>)[name] as Entry;

describe('OSNet', () => {
  it.each(NAMES)('%s is the published network', (name) => {
    compare(() => entry(name)({ numClasses: 751 }), FIGURES[name] as Figures);
  });

  it('gives the pooled map where there is no featureDim, as the published network', () => {
    const build = () => reid.osnet_x0_25({ numClasses: 751, featureDim: null });
    compare(build, FIGURES['osnet_x0_25 without fc'] as Figures);
  });

  it('gives scores in training, and features beside them for a triplet loss', () => {
    const images = zeros([2, 3, 64, 32]);
    const scores = reid.osnet_x0_25({ numClasses: 7 }).forward(images) as Tensor;
    expect(scores.shape).toEqual([2, 7]);
    const both = reid.osnet_ain_x0_25({ numClasses: 7, loss: 'triplet' }).forward(images) as Tensor[];
    expect(both.map(({ shape }) => shape)).toEqual([
      [2, 7],
      [2, 512],
    ]);
  });

  it('refuses unknown options and values', () => {
    expect(() => reid.osnet_x1_0({ num_classes: 7 } as object)).toThrow(
      'Expected a known option for osnet_x1_0, got "num_classes"; did you mean numClasses?',
    );
    expect(() => reid.osnet_x1_0({ loss: 'circle' } as object)).toThrow(
      'Expected one of "softmax", "triplet" for OSNet loss, got "circle"',
    );
    expect(() => reid.osnet_x1_0({ featureDim: -1 })).toThrow(RangeError);
  });
});
