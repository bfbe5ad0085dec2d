import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkpoint, load, nn, optim, save, type Tensor, tensor } from '../../lib/index.ts';
import { noPythonTorch, runPython } from '../checkpoint/python-torch.ts';
import { root, tmp } from '../helpers/index.ts';
import { elements, fixture, type Numbers, relativeError } from '../nn/numbers.ts';

interface Continued {
  data: Numbers[];
  layout: number[][];
  weights: Record<string, Numbers>;
  buffers: Record<string, Numbers>;
  rates: number[];
}

/** A checkpoint as the published training script writes it, with the schedule's state. */
interface Saved {
  epoch: number;
  acc: number;
  best_acc: Tensor;
  optimizer: Record<string, unknown>;
  scheduler: Record<string, unknown>;
}

const continued = fixture<Record<string, Continued>>('optim/continued.json');
const names = Object.keys(continued);
const files = names.flatMap((name) => ['zip', 'legacy'].map((format) => `${name}.${format}.pth.tar`));
const fixturePath = (file: string): string => join(root, 'test/fixtures/optim', file);
const nameOf = (file: string): string => file.slice(0, file.indexOf('.'));
const toTensor = ({ shape, data }: Numbers): Tensor => tensor(data).reshape(shape);

interface Training {
  model: nn.Sequential;
  optimizer: optim.SGD;
  scheduler: optim.lrScheduler.MultiStepLR;
}

/** A fresh training whose options differ from the saved ones. */
function fresh(name: string): Training {
  const model = new nn.Sequential(new nn.Linear(5, 4), new nn.Linear(4, 3));
  const all = [...model.parameters()];
  const groups = [{ params: all.filter((p) => p.dim() > 1) }, { params: all.filter((p) => p.dim() === 1) }];
  const optimizer = new optim.SGD(name === 'groups' ? groups : all, { lr: 9 });
  return { model, optimizer, scheduler: new optim.lrScheduler.MultiStepLR(optimizer, [77]) };
}

function resume(file: string): Training & { saved: Saved } {
  const training = fresh(nameOf(file));
  const saved = load<Saved>(file.includes('/') ? file : fixturePath(file));
  training.model.loadStateDict(checkpoint.stateDictOf(saved), { stripPrefix: 'auto' });
  training.optimizer.loadStateDict(saved.optimizer);
  training.scheduler.loadStateDict(saved.scheduler);
  return { ...training, saved };
}

function train({ model, optimizer, scheduler }: Training, data: readonly Numbers[]): void {
  for (const x of data) {
    optimizer.zeroGrad();
    model.forward(toTensor(x)).pow(2).mean().backward();
    optimizer.step();
    scheduler.step();
  }
}

function weightsOf({ model }: Training): Record<string, number[]> {
  return Object.fromEntries([...model.stateDict()].map(([key, value]) => [key, elements(value)]));
}

function buffersOf({ optimizer }: Training): Record<string, number[]> {
  const { state } = optimizer.stateDict();
  const buffers = [...state].map(([number, entry]) => [number, entry.momentum_buffer] as const);
  const present = buffers.filter((entry): entry is [number, Tensor] => Boolean(entry[1]));
  return Object.fromEntries(present.map(([number, buffer]) => [number, elements(buffer)]));
}

const dataOf = (numbers: Record<string, Numbers>) =>
  Object.fromEntries(Object.entries(numbers).map(([key, { data }]) => [key, data]));

/**
 * For figures of another processor. Those differ by up to 1.7e-7 after two steps: torch 2.13 in Python, with the
 * instructions of SSE4, AVX2, AVX-512, and with MKL as on AMD (docs/testing.md).
 */
const ACROSS_PROCESSORS = 1e-6;
/** For this processor's, with Python's default SGD: bit for bit. */
const ON_THIS_PROCESSOR = 0;

function expectSame(bound: number, actual: Record<string, number[]>, want: Record<string, number[]>): void {
  expect(Object.keys(actual)).toEqual(Object.keys(want));
  const errors = Object.keys(want).map((key) =>
    relativeError(actual[key] as number[], want[key] as number[]),
  );
  expect(Object.keys(want).filter((_, i) => !((errors[i] as number) <= bound))).toEqual([]);
}

describe('training that Python began', () => {
  it.each(files)('%s goes on here as there', (file) => {
    const want = continued[nameOf(file)] as Continued;
    const training = resume(file);
    expect([training.saved.epoch, training.saved.acc, training.saved.best_acc.item()]).toEqual([
      2, 41.5, 43.25,
    ]);
    expect(training.optimizer.stateDict().param_groups.map(({ params }) => params)).toEqual(want.layout);
    train(training, want.data);
    expectSame(ACROSS_PROCESSORS, weightsOf(training), dataOf(want.weights));
    expectSame(ACROSS_PROCESSORS, buffersOf(training), dataOf(want.buffers));
    expect(training.optimizer.paramGroups.map(({ lr }) => lr)).toEqual(want.rates);
  });

  it.each(files)('%s: the optimizer has what the file has, option by option', (file) => {
    const { optimizer, saved } = resume(file);
    const again = optimizer.stateDict();
    expect(again.param_groups.map((group) => ({ ...group }))).toEqual(
      (saved.optimizer.param_groups as Record<string, unknown>[]).map((group) => ({ ...group })),
    );
  });
});

const COMPARE = `
import sys, torch
def layout(value):
    if isinstance(value, torch.Tensor): return (str(value.dtype), value.tolist(), value.stride())
    if isinstance(value, dict): return {key: layout(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)): return [layout(item) for item in value]
    return value
for ours, theirs in zip(sys.argv[1::2], sys.argv[2::2]):
    saved = torch.load(ours, weights_only=True)
    original = torch.load(theirs, weights_only=False)
    assert layout(saved['optimizer']) == layout(original['optimizer']), (saved['optimizer'], original['optimizer'])
    for a, b in zip(saved['optimizer']['param_groups'], original['optimizer']['param_groups']):
        assert set(a) == set(b) and type(a['params']) == list and type(a['nesterov']) == bool, a
    assert list(saved) == list(original)
    print('equal', theirs.rsplit('/')[-1])
`;

const CONTINUE = `
import json, sys, torch
from torch import nn
def go_on(path, name, data):
    saved = torch.load(path, weights_only=True)
    model = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3))
    groups = [{'params': [p for p in model.parameters() if p.dim() == dim]} for dim in (2, 1)]
    optimizer = torch.optim.SGD(groups if name == 'groups' else model.parameters(), lr=9)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [77])
    model.load_state_dict(saved['state_dict'])
    optimizer.load_state_dict(saved['optimizer'])
    scheduler.load_state_dict(saved['scheduler'])
    for x in data:
        optimizer.zero_grad()
        model(torch.tensor(x['data']).reshape(x['shape'])).pow(2).mean().backward()
        optimizer.step()
        scheduler.step()
    numbers = lambda tensor: tensor.double().flatten().tolist()
    buffers = {key: entry.get('momentum_buffer') for key, entry in optimizer.state_dict()['state'].items()}
    return {
        'weights': {key: numbers(value) for key, value in model.state_dict().items()},
        'buffers': {key: numbers(value) for key, value in buffers.items() if value is not None},
        'rates': [group['lr'] for group in optimizer.param_groups],
    }
print(json.dumps([go_on(*json.loads(arg)) for arg in sys.argv[1:]]))
`;

/** What the program prints for each training. */
interface There {
  weights: Record<string, number[]>;
  buffers: Record<string, number[]>;
  rates: number[];
}

/** Saves a training as the published script does. */
function saveTraining({ model, optimizer, scheduler }: Training, epoch: number): string {
  const path = join(tmp(), 'checkpoint.pth.tar');
  const state = { state_dict: model.stateDict(), acc: 41.5, best_acc: tensor(43.25) };
  save({ epoch, ...state, optimizer: optimizer.stateDict(), scheduler: scheduler.stateDict() }, path);
  return path;
}

describe('training that began here', () => {
  it.skipIf(noPythonTorch)("is saved in PyTorch's layout", () => {
    const pairs = files.flatMap((file) => [saveTraining(resume(file), 2), fixturePath(file)]);
    expect(runPython(COMPARE, ...pairs)).toBe(files.map((file) => `equal ${file}\n`).join(''));
  });

  it.skipIf(noPythonTorch)('goes on in Python as here', () => {
    const trainings = names.map((name) => {
      const { data } = continued[name] as Continued;
      const training = resume(`${name}.zip.pth.tar`);
      train(training, data.slice(0, 1));
      const path = saveTraining(training, 3);
      train(training, data.slice(1));
      return { training, task: JSON.stringify([path, name, data.slice(1)]) };
    });
    const there = JSON.parse(runPython(CONTINUE, ...trainings.map(({ task }) => task))) as There[];
    for (const [i, { training }] of trainings.entries()) {
      const { weights, buffers, rates } = there[i] as There;
      expectSame(ON_THIS_PROCESSOR, weightsOf(training), weights);
      expectSame(ON_THIS_PROCESSOR, buffersOf(training), buffers);
      expect(training.optimizer.paramGroups.map(({ lr }) => lr)).toEqual(rates);
    }
  });

  it('goes on here from its file', () => {
    const { data } = continued.published as Continued;
    const training = resume('published.zip.pth.tar');
    train(training, data.slice(0, 1));
    const path = saveTraining(training, 3);
    train(training, data.slice(1));
    const again = fresh('published');
    const saved = load<Saved>(path);
    again.model.loadStateDict(checkpoint.stateDictOf(saved));
    again.optimizer.loadStateDict(saved.optimizer);
    again.scheduler.loadStateDict(saved.scheduler);
    train(again, data.slice(1));
    expect(weightsOf(again)).toEqual(weightsOf(training));
  });
});

describe('optimizer state', () => {
  const loaded = (buffer: Tensor | null, group: object = {}) => {
    const param = tensor([
      [1, 2],
      [3, 4],
    ]).requiresGrad_();
    const optimizer = new optim.SGD([param], { lr: 1, momentum: 0.5 });
    const options = { lr: 1, momentum: 0.5, dampening: 0, weight_decay: 0, nesterov: false, maximize: false };
    optimizer.loadStateDict({
      state: new Map([[0, { momentum_buffer: buffer }]]),
      param_groups: [{ ...options, ...group, params: [0] }],
    });
    param.sum().backward();
    optimizer.step();
    return { param, optimizer };
  };

  it('in another memory layout is applied element by element', () => {
    const buffer = tensor([
      [10, 30],
      [20, 40],
    ]).t();
    expect(loaded(buffer).param.toArray()).toEqual([
      [1 - 6, 2 - 11],
      [3 - 16, 4 - 21],
    ]);
    expect(buffer.toArray()).toEqual([
      [10, 20],
      [30, 40],
    ]);
  });

  it('in another dtype takes that of the parameter', () => {
    const { optimizer } = loaded(tensor([0, 0, 0, 0], { dtype: 'float64' }).reshape([2, 2]));
    expect(optimizer.stateDict().state.get(0)?.momentum_buffer).toMatchObject({ dtype: 'float32' });
  });

  it('may have no momentum yet, as older files of PyTorch say with None', () => {
    expect(loaded(null).param.toArray()).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('takes a learning rate that is a scalar tensor', () => {
    expect(loaded(null, { lr: tensor(2) }).optimizer.paramGroups[0]?.lr).toBe(2);
  });

  it('of another shape is refused before anything changes', () => {
    const param = tensor([1, 2]).requiresGrad_();
    const optimizer = new optim.SGD([param], { lr: 1, momentum: 0.5 });
    const state = {
      state: { 0: { momentum_buffer: tensor([1, 2, 3]) } },
      param_groups: [{ lr: 7, params: [0] }],
    };
    expect(() => optimizer.loadStateDict(state)).toThrow(
      new RangeError('Expected shape [2] for SGD state "momentum_buffer", got [3]'),
    );
    expect(optimizer.paramGroups[0]?.lr).toBe(1);
  });
});
