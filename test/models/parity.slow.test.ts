import { describe, it } from 'vitest';
import { listModels } from '../../lib/models/index.ts';
import { compare, compareTraining, measured, TORCHVISION } from './parity.ts';
import { type Reference, reference } from './reference.ts';

// IBN_NET_FULL_PARITY=1 trains every published model; `scripts/gen/models-doc.mjs --measure` sets it.
const PUBLISHED = listModels({ filter: /_ibn_[ab]$/ });
const TRAINED =
  process.env.IBN_NET_FULL_PARITY === '1'
    ? PUBLISHED
    : [
        'resnet18_ibn_b',
        'resnet50_ibn_a',
        'resnet50_ibn_b',
        'resnext50_ibn_a',
        'se_resnet50_ibn_a',
        'densenet121_ibn_a',
      ];

measured();

describe('all published models', () => {
  it.each(PUBLISHED)(
    '%s: keys, seeded weights and evaluation match the reference',
    (name) => compare(name, reference(name)),
    300_000,
  );

  it.each(TRAINED)(
    '%s: gradients, running statistics and three SGD steps match the reference',
    compareTraining,
    600_000,
  );
});

describe('all plain counterparts', () => {
  it.each(Object.keys(TORCHVISION))(
    "%s: torchvision's keys, seeded weights and outputs",
    (name) => compare(name, TORCHVISION[name] as Reference),
    300_000,
  );
});
