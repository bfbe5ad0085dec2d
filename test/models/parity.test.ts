import { describe, expect, it } from 'vitest';
import { listModels } from '../../lib/models/index.ts';
import { EVERYDAY } from '../helpers/networks.ts';
import { compare, compareTraining, measured, TORCHVISION } from './parity.ts';
import { type Reference, reference } from './reference.ts';

measured();

describe('the published models', () => {
  it('are twenty', () => {
    expect(listModels({ filter: /_ibn_[ab]$/ })).toHaveLength(20);
  });

  it.each(EVERYDAY)('%s: keys, seeded weights and evaluation match the reference', (name) =>
    compare(name, reference(name)),
  );

  it('resnet18_ibn_a: gradients, running statistics and three SGD steps match the reference', () =>
    compareTraining('resnet18_ibn_a'));
});

describe('the plain counterparts', () => {
  it("resnet18: torchvision's keys, seeded weights and outputs", () =>
    compare('resnet18', TORCHVISION.resnet18 as Reference));
});
