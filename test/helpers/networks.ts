import { listModels } from '../../lib/models/index.ts';

/** One network of each kind of block, for tests that run every day. */
export const EVERYDAY: readonly string[] = [
  'resnet18_ibn_a',
  'resnet50_ibn_b',
  'resnext50_ibn_a',
  'se_resnet50_ibn_a',
  'densenet121_ibn_a',
];

/** All others, for `*.slow.test.ts`. */
export const OTHERS: readonly string[] = listModels().filter((name) => !EVERYDAY.includes(name));

/** Of images for a network: the deeper ones on smaller images, since what differs between them is how often blocks repeat. */
export const sizeFor = (name: string): number => (/1[0-9][0-9]|201/.test(name) ? 32 : 64);
