import { describe } from 'vitest';
import { nn, ones, randn, type Tensor, tensor } from '../../lib/index.ts';
import { refusesBadInput } from './area.ts';
import { exportsOf } from './exports.ts';
import type { GoodCall } from './judge.ts';

const { rnn, parametrizations, parametrize } = nn.utils;
type Call = GoodCall['call'];

/** Tensors that have a gradient. */
function withGrads(): Tensor[] {
  const parameters = [ones([2, 3]).requiresGrad_(), ones([3]).requiresGrad_()];
  for (const parameter of parameters) parameter.grad = ones(parameter.shape);
  return parameters;
}

/** The function, given a copy of a module: some change what they are given. */
const onCopy =
  (fn: (...args: never[]) => unknown): Call =>
  (module: unknown, ...rest: unknown[]) =>
    Reflect.apply(fn, undefined, [module instanceof nn.Module ? module.clone() : module, ...rest]) as unknown;

const parametrized = (fn: (...args: never[]) => unknown): Call =>
  onCopy((module: unknown, ...rest: unknown[]) => {
    if (module instanceof nn.Linear) parametrizations.weightNorm(module);
    return Reflect.apply(fn, undefined, [module, ...rest]) as unknown;
  });

const norm = [ones([4]), ones([4]), 1e-5, ones([4]), ones([4])];
const linear = new nn.Linear(4, 4);
const conv = new nn.Conv2d(3, 4, 2).eval();
const sequences = [randn([3, 2]), randn([2, 2])];
const packed = rnn.packSequence(sequences);
const padded = rnn.padSequence(sequences);
const order = tensor([1, 0], { dtype: 'int64' });

class Symmetric extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.triu().add(x.triu(1).t());
  }
}

const calls: Record<string, [args: unknown[], call?: Call]> = {
  skipInit: [[() => new nn.Linear(2, 2)]],
  fuseNorms: [[new nn.Sequential(new nn.BatchNorm2d(4))]],
  fuseConvBnEval: [[conv, new nn.BatchNorm2d(4).eval(), false]],
  fuseConvBnWeights: [[randn([4, 3, 2, 2]), ones([4]), ...norm, false]],
  fuseLinearBnEval: [[linear.clone().eval(), new nn.BatchNorm1d(4).eval()]],
  fuseLinearBnWeights: [[randn([4, 3]), ones([4]), ...norm]],
  clipGradNorm_: [[withGrads(), 1, { normType: 2, errorIfNonfinite: true, foreach: true }]],
  clipGradsWithNorm_: [[withGrads(), 1, tensor(2), { foreach: true }]],
  clipGradValue_: [[withGrads(), 1, { foreach: false }]],
  getTotalNorm: [[withGrads(), { normType: 2, errorIfNonfinite: true, foreach: false }]],
  parametersToVector: [[withGrads()]],
  vectorToParameters: [[ones([9]), withGrads()]],
  'rnn.PackedSequence': [
    [packed.data, packed.batchSizes, order, order],
    (...given: unknown[]) => Reflect.construct(rnn.PackedSequence, given) as unknown,
  ],
  'rnn.invertPermutation': [[order]],
  'rnn.packPaddedSequence': [[padded, [3, 2], { batchFirst: false, enforceSorted: true }]],
  'rnn.packPaddedSequence, of a tensor': [[padded, tensor([3, 2]), { enforceSorted: false }]],
  'rnn.padPackedSequence': [[packed, { batchFirst: true, paddingValue: 0.5, totalLength: 4 }]],
  'rnn.padSequence': [[sequences, { batchFirst: true, paddingValue: 0.5, paddingSide: 'left' }]],
  'rnn.unpadSequence': [[padded, tensor([3, 2], { dtype: 'int64' }), { batchFirst: false }]],
  'rnn.packSequence': [[sequences, { enforceSorted: true }]],
  'rnn.unpackSequence': [[packed]],
  'parametrizations.weightNorm': [
    [linear, { name: 'weight', dim: 1 }],
    onCopy(parametrizations.weightNorm as Call),
  ],
  'parametrizations.spectralNorm': [
    [linear, { name: 'weight', nPowerIterations: 2, eps: 1e-6, dim: 1 }],
    onCopy(parametrizations.spectralNorm as Call),
  ],
  'parametrizations.orthogonal': [
    [linear, { name: 'weight', orthogonalMap: 'cayley', useTrivialization: true }],
    onCopy(parametrizations.orthogonal as Call),
  ],
  'parametrize.cached': [[() => 1]],
  'parametrize.typeBeforeParametrizations': [[linear]],
  'parametrize.isParametrized': [[linear, 'weight']],
  'parametrize.registerParametrization': [
    [linear, 'weight', new Symmetric(), { unsafe: true }],
    onCopy(parametrize.registerParametrization as Call),
  ],
  'parametrize.removeParametrizations': [
    [linear, 'weight', { leaveParametrized: true }],
    parametrized(parametrize.removeParametrizations as Call),
  ],
};

const OTHERS: Record<string, string> = {
  'nn.utils.parametrize.ParametrizationList': 'made by registerParametrization',
};

describe('nn.utils refuses bad input in words', () => {
  const find = (name: string): unknown =>
    name.split('.').reduce<object>((space, key) => Reflect.get(space, key) as object, nn.utils);
  const goods = Object.entries(calls).map(([name, [args, call]]) => {
    return { name: `nn.utils.${name}`, args, call: call ?? (find(name.split(',')[0] as string) as Call) };
  });
  const names = exportsOf(nn.utils as unknown as Record<string, unknown>, 'nn.utils.');
  refusesBadInput('utils', goods, names, OTHERS);
});
