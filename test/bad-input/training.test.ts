import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import * as checkpoint from '../../lib/checkpoint/index.ts';
import { compile, exportOnnx, exportTorchScript, loadCompiled, save } from '../../lib/index.ts';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import * as optim from '../../lib/optim/index.ts';
import { isTensor, keep, ones, randint, randn, type Tensor } from '../../lib/tensor/index.ts';
import * as train from '../../lib/train/index.ts';
import { type Class, made, refusesBadInput } from './area.ts';
import type { GoodCall } from './judge.ts';

type Call = GoodCall['call'];
const folder = mkdtempSync(join(tmpdir(), 'bad-input-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);

const linear = (): nn.Linear => new nn.Linear(2, 3);
const sgd = (model: nn.Module): optim.Optimizer => new optim.SGD(model.parameters(), { lr: 0.1 });
const { swaUtils, lrScheduler } = optim;
const { lrScheduler: lr } = optim;
const optimizer = sgd(linear());
const batches = [[randn([4, 2]), randint(0, 3, [4])]] as [Tensor, Tensor][];
const conv = (): nn.Module => new nn.Conv2d(1, 2, 1).eval();
/** Tensors that are disposed with what they are given to. */
const copied = (data: unknown): unknown =>
  Array.isArray(data) ? data.map((item: unknown) => (Array.isArray(item) ? item.map(cloned) : item)) : data;
const cloned = (item: unknown): unknown => (isTensor(item) ? keep(item.clone()) : item);
const parts = (): optim.lrScheduler.LRScheduler[] => [
  new lr.ConstantLR(optimizer, { factor: 0.5, totalIters: 2 }),
  new lr.ExponentialLR(optimizer, 0.9),
];

const calls: Record<string, [args: unknown[], call: Call]> = {
  'optim.lrScheduler.SequentialLR': [
    [optimizer, parts(), [2], { lastEpoch: -1 }],
    made(lrScheduler.SequentialLR as never),
  ],
  'optim.lrScheduler.ChainedScheduler': [[parts()], made(lrScheduler.ChainedScheduler as never)],
  'optim.swaUtils.AveragedModel': [
    [linear(), { device: 'cpu', avgFn: swaUtils.getEmaAvgFn(), useBuffers: true }],
    made(swaUtils.AveragedModel as never, (it) =>
      (it as optim.swaUtils.AveragedModel).updateParameters(linear()),
    ),
  ],
  'optim.swaUtils.AveragedModel.updateParameters': [
    [linear()],
    (...given: never[]) => {
      const average = new swaUtils.AveragedModel(linear());
      Reflect.apply(average.updateParameters, average, given);
    },
  ],
  'optim.swaUtils.SWALR': [
    [optimizer, 0.05, { annealEpochs: 5, annealStrategy: 'linear', lastEpoch: -1 }],
    made(swaUtils.SWALR as never),
  ],
  'optim.swaUtils.getEmaAvgFn': [[0.9], swaUtils.getEmaAvgFn],
  'optim.swaUtils.getEmaMultiAvgFn': [[0.9], swaUtils.getEmaMultiAvgFn],
  'optim.swaUtils.getSwaAvgFn': [[], swaUtils.getSwaAvgFn],
  'optim.swaUtils.getSwaMultiAvgFn': [[], swaUtils.getSwaMultiAvgFn],
  'optim.swaUtils.updateBn': [[[randn([4, 2])], new nn.BatchNorm1d(2), { device: 'cpu' }], swaUtils.updateBn],
  'train.accuracy': [[randn([4, 3]), randint(0, 3, [4]), [1, 2]], train.accuracy],
  'train.ClassificationMetrics': [[3, { classes: ['a', 'b', 'c'] }], made(train.ClassificationMetrics)],
  'train.ClassificationMetrics.update': [
    [randn([4, 3]), randint(0, 3, [4])],
    (...given: never[]) => {
      const metrics = new train.ClassificationMetrics(3);
      return Reflect.apply(metrics.update, metrics, given);
    },
  ],
  'train.evaluate': [
    [linear(), batches, new train.ClassificationMetrics(3), { device: 'cpu', onBatch: () => undefined }],
    (model: never, data: unknown, ...rest: never[]) =>
      train.evaluate(model, copied(data) as never, ...(rest as [never])),
  ],
  'models.getModel': [['resnet18_ibn_a', { numClasses: 3 }], models.getModel as Call],
  'models.listModels': [[{ filter: 'resnet', pretrained: true }], models.listModels as Call],
  'models.createFeatureExtractor': [
    [models.resnet18_ibn_a({ numClasses: 2 }), ['layer1', 'layer2']],
    models.createFeatureExtractor as Call,
  ],
  'models.summary': [[linear(), [1, 2], { depth: 2 }], models.summary as Call],
  'models.IBN': [[4, 0.5], made(models.IBN)],
  'models.IBN_c': [[4], made(models.IBN_c)],
  'models.IBN_d': [[4, 0.5], made(models.IBN_d)],
  'models.SELayer': [[32, 16], made(models.SELayer)],
  'models.BasicBlock_IBN': [[4, 4, { stride: 1, ibn: 'a' }], made(models.BasicBlock_IBN as never as Class)],
  'models.setPretrainedLoader': [
    [() => undefined],
    (...given: never[]) => {
      Reflect.apply(models.setPretrainedLoader, undefined, given);
      models.setPretrainedLoader(undefined);
    },
  ],
  'checkpoint.load': [
    [file('a.pth'), { mapLocation: 'cpu', mmap: false, unknown: 'refuse' }],
    checkpoint.load as Call,
  ],
  'checkpoint.loadInto': [
    [linear(), file('a.pth'), { strict: true, stripPrefix: 'auto' }],
    checkpoint.loadInto as Call,
  ],
  'checkpoint.save': [[{ a: ones([2]) }, file('b.pth')], checkpoint.save],
  'checkpoint.saveSafetensors': [
    [{ a: ones([2]) }, file('c.safetensors'), { metadata: { format: 'pt' } }],
    checkpoint.saveSafetensors as Call,
  ],
  'checkpoint.stateDictOf': [[new Map([['a', ones([2])]]), { strict: true }], checkpoint.stateDictOf],
  'checkpoint.stripPrefix': [[new Map([['m.a', ones([2])]]), 'm.'], checkpoint.stripPrefix as Call],
  'checkpoint.commonPrefix': [[['m.a', 'm.b']], checkpoint.commonPrefix as Call],
  'checkpoint.metadataOf': [[new Map()], checkpoint.metadataOf],
  'checkpoint.textsOf': [[new Map()], checkpoint.textsOf],
  compile: [
    [conv(), { inputs: [[1, 1, 4, 4]], threads: 1, dynamicBatch: true, keepWeights: true, dtype: 'float32' }],
    async (...given: unknown[]) => {
      const model = await (Reflect.apply(compile, undefined, given) as ReturnType<typeof compile>);
      await model.dispose();
    },
  ],
  exportTorchScript: [
    [linear().eval(), file('d.pt'), { inputs: [[1, 2]], dynamicBatch: true, dynamicSizes: true }],
    exportTorchScript as Call,
  ],
  exportOnnx: [
    [
      linear().eval(),
      file('d.onnx'),
      {
        ...{ inputs: [[1, 2]], dynamicBatch: true, opset: 22, norms: 'ops', externalData: false },
        ...{ inputNames: ['x'], outputNames: ['y'] },
      },
    ],
    exportOnnx as Call,
  ],
  loadCompiled: [
    [file('e.ibn'), { threads: 1, keepWeights: false }],
    async (...given: unknown[]) => {
      const model = await (Reflect.apply(loadCompiled, undefined, given) as ReturnType<typeof loadCompiled>);
      await model.dispose();
    },
  ],
};

const model = linear();
const trainer: Record<string, unknown> = {
  model,
  optimizer: sgd(model),
  data: batches,
  loss: ([x, y]: [Tensor, Tensor], it: nn.Linear) =>
    nn.functional.crossEntropy(it.forward(x.clone()), y.clone()),
  epochs: 1,
  scheduler: new lr.ExponentialLR(optimizer, 0.9),
  schedulerStep: 'step',
  evaluate: () => ({ top1: 1 }),
  best: { figure: 'top1', mode: 'max' },
  accumulate: 1,
  clipGradNorm: 1,
  beforeStep: () => undefined,
  amp: 'bfloat16',
  device: 'cpu',
  keepLast: 1,
  extra: { arch: 'linear' },
  callbacks: {},
};
calls['train.Trainer'] = [[trainer], made(train.Trainer as never)];

describe('training, models, checkpoints and compile refuse bad input in words', async () => {
  save(linear().stateDict(), file('a.pth'));
  const compiled = await compile(conv(), { inputs: [[1, 1, 4, 4]], keepWeights: true, threads: 1 });
  await compiled.save(file('e.ibn'));
  await compiled.dispose();
  const goods = Object.entries(calls).map(([name, [args, call]]) => ({ name, args, call }));
  refusesBadInput('training', goods, [], {}, { isOurs: true });
});
