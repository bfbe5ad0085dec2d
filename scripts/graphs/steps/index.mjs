// What random networks are made of. Each maker gives the indices of the values that it reads, a closure over tensors, and
// its text; undefined where no value fits.
import { binary, unary } from './draw.mjs';
import { arithmetic, elementwise } from './elements.mjs';
import { means, norms, shapes, slices } from './maps.mjs';
import { attention, cats, gates, residual, sums } from './pairs.mjs';
import { tokens, vectors } from './rows.mjs';

export { LAYERS } from './layers.mjs';

/** Ops without weights. No labels (`argmax`): where two channels are all but equal they say nothing of a mistake. */
export const STEPS = [
  ['elementwise', unary('any', elementwise)],
  ['elementwise', unary('any', elementwise)],
  ['arithmetic', unary('any', arithmetic)],
  ['slices', unary('map', slices)],
  ['shapes', unary('map', shapes)],
  ['means', unary('map', means)],
  ['vectors', unary('vector', vectors)],
  ['tokens', unary('tokens', tokens)],
  ['tokens', unary('tokens', tokens)],
  ['tokens', unary('tokens', tokens)],
  ['sum', binary('any', 'like', sums)],
  ['sum', binary('any', 'like', sums)],
  ['sum', binary('any', 'like', sums)],
  ['gate', binary('map', 'map', gates)],
  ['attention', binary('map', 'beside', attention)],
  ['norms', norms],
  ['cat', binary('map', 'beside', cats)],
  ['cat', binary('map', 'beside', cats)],
  ['residual', residual],
];
