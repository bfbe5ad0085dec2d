import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as ibn from '../lib/index.ts';
import { isTensor, ones } from '../lib/tensor/index.ts';
import { dist, errorOf, tmp } from './helpers/index.ts';
import type { Call } from './options/call.ts';
import { DISTRIBUTED_CALLS } from './options/distributed-calls.ts';
import { REID_CALLS } from './options/reid-calls.ts';
import { TASK_CALLS } from './options/task-calls.ts';

const {
  amp,
  autograd,
  checkpoint,
  corruptions,
  cuda,
  datasets,
  hub,
  models,
  nn,
  optim,
  train,
  transforms,
  utils,
} = ibn;
const { functional: F, init } = nn;
const { rnn } = nn.utils;
const RECURRENT = ['RNN', 'GRU', 'LSTM', 'RNNCell', 'GRUCell', 'LSTMCell'] as const;
const { functional: TF } = transforms;
const { lrScheduler } = optim;

type Options = Record<string, unknown>;

const image = () => ones([1, 3, 8, 8]);
const linear = () => new nn.Linear(2, 2);
const encoderLayer = () => new nn.TransformerEncoderLayer(2, 1, { dimFeedforward: 2 });
const sgd = () => new optim.SGD([ones([1]).requiresGrad_()]);
const sizes =
  (make: (size: number[], options: never) => unknown): Call =>
  (o) =>
    make([2], o);
const run = () => ({ model: linear(), optimizer: sgd(), data: [], loss: () => ones([]), epochs: 1 });
const missing = '/nowhere/file.pth';
const backbone = () => models.resnet18({ widths: [2, 2, 2, 2], numClasses: 2 });

type Named<T, Fits> = { [K in keyof T]: T[K] extends Fits ? K : never }[keyof T] & string;
const named = (space: object, pattern: RegExp) => Object.keys(space).filter((name) => pattern.test(name));
const LOSSES = named(nn, /Loss(2d)?$/).filter(
  (name) => name !== 'AdaptiveLogSoftmaxWithLoss' && name !== 'LinearCrossEntropyLoss',
) as Named<typeof nn, new () => unknown>[];
const TRIPLE = /^(gaussianNll|marginRanking|cosineEmbedding|tripletMargin|tripletMarginWithDistance)Loss$/;
const TRIPLE_LOSSES = named(F, TRIPLE) as 'tripletMarginLoss'[];
const PAIR_LOSSES = named(F, /Loss$|Entropy|^klDiv$/).filter(
  (name) => !TRIPLE.test(name) && name !== 'ctcLoss' && name !== 'linearCrossEntropy',
) as 'mseLoss'[];

/** Those that take a list of parameters and options. */
const OPTIMIZERS = [
  'Adadelta',
  'Adafactor',
  'Adagrad',
  'Adam',
  'AdamW',
  'Adamax',
  'ASGD',
  'LBFGS',
  'Muon',
  'NAdam',
  'Lamb',
  'RAdam',
  'RMSprop',
  'Rprop',
  'SparseAdam',
] as const;

/** Every public entry that takes options, each called with options that it does not have. */
const CALLS: Record<string, Call> = {
  ...DISTRIBUTED_CALLS,
  ...REID_CALLS,
  ...TASK_CALLS,
  'distributions.Distribution': (options) =>
    new (class Coin extends ibn.distributions.Bernoulli {})(0.5, options),
  'distributions.Normal': (options) => new ibn.distributions.Normal(0, 1, options),
  'distributions.Beta': (options) => new ibn.distributions.Beta(1, 1, options),
  'distributions.Dirichlet': (options) => new ibn.distributions.Dirichlet(ibn.ones([2]), options),
  'distributions.Bernoulli': (options) => new ibn.distributions.Bernoulli(0.5, options),
  'distributions.Categorical': (options) => new ibn.distributions.Categorical(ibn.ones([2]), options),
  cdist: (options) => ibn.cdist(ibn.zeros([1, 1]), ibn.zeros([1, 1]), options),
  norm: (options) => ibn.norm(ibn.zeros([1]), options),
  stft: (options) => ibn.stft(ibn.zeros([64]), 16, options),
  unique: (options) => ibn.unique(ibn.zeros([1]), options),
  uniqueConsecutive: (options) => ibn.uniqueConsecutive(ibn.zeros([1]), options),
  meshgrid: (options) => ibn.meshgrid(ibn.zeros([1]), options),
  autocast: (o) => ibn.autocast('cpu', o, () => 0),
  'amp.autocast': (o) => amp.autocast('cpu', o, () => 0),
  GradScaler: (o) => new ibn.GradScaler('cpu', o),
  load: (o) => ibn.load(missing, o),
  'checkpoint.saveSafetensors': (o) =>
    checkpoint.saveSafetensors(linear().stateDict(), join(tmp(), 'x.safetensors'), o),
  'checkpoint.loadInto': (o) => {
    const file = join(tmp(), 'linear.pth');
    ibn.save(linear().stateDict(), file);
    return checkpoint.loadInto(linear(), file, o);
  },
  'checkpoint.stateDictOf': (o) => checkpoint.stateDictOf({}, o),
  'autograd.setDetectAnomaly': (o) => autograd.setDetectAnomaly(false, o),
  'autograd.detectAnomaly': (o) => autograd.detectAnomaly(() => 0, o),
  'autograd.graph.saveOnCpu': (o) => autograd.graph.saveOnCpu(() => 0, o),
  'utils.checkpoint.checkpoint': (o: Options) =>
    utils.checkpoint.checkpoint(() => 0, { useReentrant: false, ...o } as never),
  'utils.checkpoint.checkpointSequential': (o: Options) =>
    utils.checkpoint.checkpointSequential([() => 0], 1, 0, { useReentrant: false, ...o } as never),
  'autograd.gradcheck': (o) => autograd.gradcheck(() => 0, ones([1]), o),
  'autograd.gradgradcheck': (o) => autograd.gradgradcheck(() => 0, ones([1]), null, o),
  'autograd.functional.jacobian': (o) => autograd.functional.jacobian((x) => x, ones([1]), o),
  'autograd.functional.hessian': (o) => autograd.functional.hessian((x) => x, ones([1]), o),
  'autograd.functional.vhp': (o) => autograd.functional.vhp((x) => x.sum(), ones([1]), null, o),
  'autograd.functional.hvp': (o) => autograd.functional.hvp((x) => x.sum(), ones([1]), null, o),
  'autograd.functional.vjp': (o) => autograd.functional.vjp((x) => x, ones([1]), null, o),
  'autograd.functional.jvp': (o) => autograd.functional.jvp((x) => x, ones([1]), null, o),
  compile: (o) => ibn.compile(linear().eval(), o),
  quantize: (o) => ibn.quantize(linear().eval(), o as never),
  exportTorchScript: (o) => ibn.exportTorchScript(linear().eval(), join(tmp(), 'x.pt'), o),
  exportOnnx: (o) => ibn.exportOnnx(linear().eval(), join(tmp(), 'x.onnx'), o),
  loadCompiled: (o) => ibn.loadCompiled(missing, o),
  'cuda.CUDAGraph.captureBegin': (o) => cuda.CUDAGraph.prototype.captureBegin(o),
  'cuda.Stream': (o) => new cuda.Stream(o),
  'cuda.Event': (o) => new cuda.Event(o),
  DataLoader: (o) => new ibn.DataLoader({ length: 1, get: () => 1 }, o),
  RandomSampler: (o) => new ibn.RandomSampler([1], o),
  SubsetRandomSampler: (o) => new ibn.SubsetRandomSampler([1], o),
  WeightedRandomSampler: (o) => new ibn.WeightedRandomSampler([1], 1, o),
  randomSplit: (o) => ibn.randomSplit({ length: 1, get: () => 1 }, [1], o),
  'datasets.FashionMNIST': (o) => new datasets.FashionMNIST(undefined, o),
  'datasets.EmojiStyles.load': (o) => datasets.EmojiStyles.load(o),
  'datasets.Scenes.load': (o) => datasets.Scenes.load(o as never),
  'datasets.writeScenes': (o) => datasets.writeScenes('/nowhere', o as never),
  'datasets.EmojiStyles.splitByStyle': (o) => datasets.EmojiStyles.prototype.splitByStyle(o as never),
  'datasets.splitEmoji': (o) => datasets.splitEmoji([], [1], o),
  'datasets.ImageFolder': (o) => new datasets.ImageFolder('/nowhere', o),
  decodeImage: (o) => ibn.decodeImage(missing, o),
  encodePng: (o) => ibn.encodePng(image(), o),
  writePng: (o) => ibn.writePng(image(), missing, o),
  'corruptions.corrupt': (o) => corruptions.corrupt(ones([1, 4, 4], { dtype: 'uint8' }), 'contrast', 1, o),
  'transforms.ToDtype': (o) => new transforms.ToDtype('float32', o),
  'transforms.RandomCrop': (o) => new transforms.RandomCrop(4, o),
  'transforms.AutoAugment': (o) => new transforms.AutoAugment(o),
  'transforms.RandAugment': (o) => new transforms.RandAugment(o),
  'transforms.TrivialAugmentWide': (o) => new transforms.TrivialAugmentWide(o),
  'transforms.AugMix': (o) => new transforms.AugMix(o),
  'transforms.GaussianBlur': (o) => new transforms.GaussianBlur(3, o),
  'transforms.GaussianNoise': (o) => new transforms.GaussianNoise(o),
  'transforms.ColorJitter': (o) => new transforms.ColorJitter(o),
  'transforms.RandomApply': (o) => new transforms.RandomApply([new transforms.ToTensor()], o),
  'transforms.RandomChoice': (o) => new transforms.RandomChoice([new transforms.ToTensor()], o),
  'transforms.RandomErasing': (o) => new transforms.RandomErasing(o),
  'transforms.RandomRotation': (o) => new transforms.RandomRotation(3, o),
  'transforms.RandomAffine': (o) => new transforms.RandomAffine(3, o),
  'transforms.RandomPerspective': (o) => new transforms.RandomPerspective(o),
  'transforms.ElasticTransform': (o) => new transforms.ElasticTransform(o),
  'transforms.RandomPhotometricDistort': (o) => new transforms.RandomPhotometricDistort(o),
  'transforms.RandomResize': (o) => new transforms.RandomResize(3, 4, o),
  'transforms.RandomShortestSize': (o) => new transforms.RandomShortestSize(3, o),
  'transforms.ScaleJitter': (o) => new transforms.ScaleJitter([3, 3], o),
  'transforms.RandomZoomOut': (o) => new transforms.RandomZoomOut(o),
  'transforms.Lambda': (o) => new transforms.Lambda((x: ibn.Tensor) => x, o),
  'transforms.MixUp': (o) => new transforms.MixUp(o),
  'transforms.CutMix': (o) => new transforms.CutMix(o),
  'transforms.Pad': (o) => new transforms.Pad(3, o),
  'transforms.RandomPosterize': (o) => new transforms.RandomPosterize(3, o),
  'transforms.RandomSolarize': (o) => new transforms.RandomSolarize(3, o),
  'transforms.RandomAdjustSharpness': (o) => new transforms.RandomAdjustSharpness(3, o),
  'transforms.TenCrop': (o) => new transforms.TenCrop(3, o),
  'transforms.functional.affine': (o) => TF.affine(image(), 1, [0, 0], 1, 0, o),
  'transforms.functional.rotate': (o) => TF.rotate(image(), 1, o),
  'transforms.functional.perspective': (o) => TF.perspective(image(), null, null, o),
  'transforms.functional.elastic': (o) => TF.elastic(image(), ones([1, 8, 8, 2]), o),
  'transforms.functional.gaussianBlur': (o) => TF.gaussianBlur(image(), 3, o),
  'transforms.functional.gaussianNoise': (o) => TF.gaussianNoise(image(), o),
  'transforms.functional.rgbToGrayscale': (o) => TF.rgbToGrayscale(image(), o),
  'transforms.functional.adjustGamma': (o) => TF.adjustGamma(image(), 1, o),
  'transforms.functional.toDtype': (o) => TF.toDtype(image(), 'uint8', o),
  'transforms.functional.resizedCrop': (o) => TF.resizedCrop(image(), 0, 0, 1, 1, 1, o),
  'transforms.functional.tenCrop': (o) => TF.tenCrop(image(), 1, o),
  'transforms.functional.pad': (o) => TF.pad(image(), 1, o),
  'transforms.functional.resize': (o) => TF.resize(image(), 1, o),
  'transforms.RandomResizedCrop': (o) => new transforms.RandomResizedCrop(4, o),
  'transforms.Resize': (o) => new transforms.Resize(4, o),
  'transforms.imagenetEval': (o) => transforms.imagenetEval(o),
  'transforms.imagenetTrain': (o) => transforms.imagenetTrain(o),
  'hub.load': (o) => hub.load('XingangPan/IBN-Net', 'resnet18_ibn_a', o),
  'hub.loadStateDictFromUrl': (o) => hub.loadStateDictFromUrl('https://host.invalid/x.pth', o),
  'models.listModels': (o) => models.listModels(o),
  'models.getModel': (o) => models.getModel('resnet18', o),
  'models.summary': (o) => models.summary(backbone(), [1, 3, 32, 32], o),
  'models.DenseLayer': (o) => new models.DenseLayer(4, false, o as never),
  'models.BasicBlock_IBN': (o) => new models.BasicBlock_IBN(4, 4, o),
  'models.Bottleneck_IBN': (o) => new models.Bottleneck_IBN(4, 4, o),
  'models.SEBottleneck_IBN': (o) => new models.SEBottleneck_IBN(4, 4, o),
  'models.ResNet_IBN': (o) => new models.ResNet_IBN(models.BasicBlock_IBN, [1, 1, 1, 1], o),
  'models.ResNeXt_IBN': (o) => new models.ResNeXt_IBN([1, 1, 1, 1], o),
  'models.SEResNet_IBN': (o) => new models.SEResNet_IBN([1, 1, 1, 1], o),
  'models.DenseNet_IBN': (o) => new models.DenseNet_IBN(o),
  ...Object.fromEntries(
    models.listModels().map((name) => [`models.${name}`, (o: never) => models.getModel(name, o)]),
  ),
  'nn.ReLU': (o) => new nn.ReLU(o),
  'nn.Conv2d': (o) => new nn.Conv2d(1, 1, 1, o),
  'nn.Linear': (o) => new nn.Linear(1, 1, o),
  ...Object.fromEntries(LOSSES.map((name) => [`nn.${name}`, (o: never) => Reflect.construct(nn[name], [o])])),
  'nn.LinearCrossEntropyLoss': (o) => new nn.LinearCrossEntropyLoss(2, 3, o),
  'nn.functional.linearCrossEntropy': (o) =>
    F.linearCrossEntropy(ones([1, 2]), ones([3, 2]), ones([1, 3]), o),
  'nn.PairwiseDistance': (o) => new nn.PairwiseDistance(o),
  'nn.CosineSimilarity': (o) => new nn.CosineSimilarity(o),
  'nn.AdaptiveLogSoftmaxWithLoss': (o) => new nn.AdaptiveLogSoftmaxWithLoss(8, 9, [4], o),
  'nn.Embedding.fromPretrained': (o) => nn.Embedding.fromPretrained(ones([2, 2]), o),
  'nn.EmbeddingBag.fromPretrained': (o) => nn.EmbeddingBag.fromPretrained(ones([2, 2]), o),
  'nn.BatchNorm2d': (o) => new nn.BatchNorm2d(1, o),
  'nn.InstanceNorm2d': (o) => new nn.InstanceNorm2d(1, o),
  ...Object.fromEntries(RECURRENT.map((name) => [`nn.${name}`, (o: never) => new nn[name](2, 3, o)])),
  'nn.utils.rnn.packPaddedSequence': (o) => rnn.packPaddedSequence(ones([2, 1, 1]), [2], o),
  'nn.utils.rnn.padPackedSequence': (o) => rnn.padPackedSequence(rnn.packSequence([ones([2, 1])]), o),
  'nn.utils.rnn.padSequence': (o) => rnn.padSequence([ones([2, 1])], o),
  'nn.utils.rnn.unpadSequence': (o) => rnn.unpadSequence(ones([2, 1, 1]), [2], o),
  'nn.utils.rnn.packSequence': (o) => rnn.packSequence([ones([2, 1])], o),
  'nn.MultiheadAttention': (o) => new nn.MultiheadAttention(2, 1, o),
  'nn.MultiheadAttention.forward': (o) =>
    new nn.MultiheadAttention(2, 1).forward(ones([1, 2]), ones([1, 2]), ones([1, 2]), o),
  'nn.TransformerEncoderLayer': (o) => new nn.TransformerEncoderLayer(2, 1, o),
  'nn.TransformerEncoderLayer.forward': (o) => encoderLayer().forward(ones([1, 2]), o),
  'nn.TransformerDecoderLayer': (o) => new nn.TransformerDecoderLayer(2, 1, o),
  'nn.TransformerDecoderLayer.forward': (o) =>
    new nn.TransformerDecoderLayer(2, 1, { dimFeedforward: 2 }).forward(ones([1, 2]), ones([1, 2]), o),
  'nn.TransformerEncoder': (o) => new nn.TransformerEncoder(encoderLayer(), 1, o),
  'nn.TransformerEncoder.forward': (o) =>
    new nn.TransformerEncoder(encoderLayer(), 1).forward(ones([1, 2]), o),
  'nn.TransformerDecoder': (o) => new nn.TransformerDecoder(encoderLayer(), 1, o),
  'nn.TransformerDecoder.forward': (o) =>
    new nn.TransformerDecoder(encoderLayer(), 1).forward(ones([1, 2]), ones([1, 2]), o),
  'nn.Transformer': (o) => new nn.Transformer(2, 1, o),
  'nn.Transformer.forward': (o) =>
    new nn.Transformer(2, 1, { numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 2 }).forward(
      ones([1, 2]),
      ones([1, 2]),
      o,
    ),
  'nn.Transformer.generateSquareSubsequentMask': (o) => nn.Transformer.generateSquareSubsequentMask(2, o),
  'nn.functional.scaledDotProductAttention': (o) =>
    F.scaledDotProductAttention(ones([1, 2]), ones([1, 2]), ones([1, 2]), o),
  'nn.functional.multiHeadAttentionForward': (o) => {
    const [x, w] = [ones([1, 2]), ones([2, 2])];
    return F.multiHeadAttentionForward(x, x, x, 2, 1, w, null, null, null, false, 0, w, null, o);
  },
  'nn.utils.getTotalNorm': (o) => nn.utils.getTotalNorm(ones([1]), o),
  'nn.utils.clipGradNorm_': (o) => nn.utils.clipGradNorm_(ones([1]), 1, o),
  'nn.utils.clipGradsWithNorm_': (o) => nn.utils.clipGradsWithNorm_(ones([1]), 1, ones([1]), o),
  'nn.utils.clipGradValue_': (o) => nn.utils.clipGradValue_(ones([1]), 1, o),
  'nn.utils.parametrizations.weightNorm': (o) => nn.utils.parametrizations.weightNorm(linear(), o),
  'nn.utils.parametrizations.spectralNorm': (o) => nn.utils.parametrizations.spectralNorm(linear(), o),
  'nn.utils.parametrizations.orthogonal': (o) => nn.utils.parametrizations.orthogonal(linear(), o),
  'nn.utils.parametrize.registerParametrization': (o) =>
    nn.utils.parametrize.registerParametrization(linear(), 'weight', new nn.Tanh(), o),
  'nn.utils.parametrize.removeParametrizations': (o) =>
    nn.utils.parametrize.removeParametrizations(linear(), 'weight', o),
  'nn.Parameter': (o) => new nn.Parameter(ones([1]), o),
  'nn.MaxPool2d': (o) => new nn.MaxPool2d(2, o),
  'nn.AvgPool2d': (o) => new nn.AvgPool2d(2, o),
  'nn.Dropout': (o) => new nn.Dropout(0.5, o),
  'nn.Module.registerBuffer': (o) => linear().registerBuffer('b', ones([1]), o),
  'nn.Module.ownBuffers': (o) => linear().ownBuffers(o),
  'nn.Module.namedParameters': (o) => linear().namedParameters('', o),
  'nn.Module.parameters': (o) => linear().parameters(o),
  'nn.Module.namedBuffers': (o) => linear().namedBuffers('', o),
  'nn.Module.namedModules': (o) => linear().namedModules('', o),
  'nn.Module.setSubmodule': (o) => new nn.Sequential(linear()).setSubmodule('0', linear(), o),
  'nn.Module.buffers': (o) => linear().buffers(o),
  'nn.Module.loadStateDict': (o) => linear().loadStateDict(linear().stateDict(), o),
  'nn.Module.zeroGrad': (o) => linear().zeroGrad(o),
  'nn.functional.batchNorm': (o) => F.batchNorm(image(), o),
  'nn.functional.instanceNorm': (o) => F.instanceNorm(image(), o),
  'nn.functional.relu': (o) => F.relu(image(), o),
  'nn.functional.conv2d': (o) => F.conv2d(image(), ones([1, 3, 1, 1]), null, o),
  'nn.functional.maxPool2d': (o) => F.maxPool2d(image(), 2, o),
  'nn.functional.avgPool2d': (o) => F.avgPool2d(image(), 2, o),
  'nn.functional.dropout': (o) => F.dropout(image(), o),
  ...Object.fromEntries(
    PAIR_LOSSES.map((name) => [
      `nn.functional.${name}`,
      (o: never) => F[name](ones([1, 2]), ones([1, 2]), o),
    ]),
  ),
  ...Object.fromEntries(
    TRIPLE_LOSSES.map((name) => [
      `nn.functional.${name}`,
      (o: never) => F[name](ones([1, 2]), ones([1, 2]), ones([1, 2]), o),
    ]),
  ),
  'nn.functional.ctcLoss': (o) => F.ctcLoss(ones([1, 1, 2]), ones([1, 1]), [1], [1], o),
  'nn.functional.pairwiseDistance': (o) => F.pairwiseDistance(ones([1, 2]), ones([1, 2]), o),
  'nn.functional.cosineSimilarity': (o) => F.cosineSimilarity(ones([1, 2]), ones([1, 2]), o),
  'nn.functional.normalize': (o) => F.normalize(image(), o),
  'nn.functional.interpolate': (o) => F.interpolate(image(), o),
  'nn.init.kaimingUniform_': (o) => init.kaimingUniform_(ones([2, 2]), o),
  'nn.init.kaimingNormal_': (o) => init.kaimingNormal_(ones([2, 2]), o),
  'nn.init.truncNormal_': (o) => init.truncNormal_(ones([2, 2]), o),
  'optim.SGD': (o) => new optim.SGD([ones([1])], o),
  ...Object.fromEntries(
    OPTIMIZERS.map((name) => [
      `optim.${name}`,
      (o: never) => Reflect.construct(optim[name], [[ones([1, 1])], o]) as unknown,
    ]),
  ),
  'optim.Optimizer.registerStateDictPreHook': (o) => sgd().registerStateDictPreHook(() => {}, o),
  'optim.Optimizer.registerStateDictPostHook': (o) => sgd().registerStateDictPostHook(() => {}, o),
  'optim.Optimizer.registerLoadStateDictPreHook': (o) => sgd().registerLoadStateDictPreHook(() => {}, o),
  'optim.Optimizer.registerLoadStateDictPostHook': (o) => sgd().registerLoadStateDictPostHook(() => {}, o),
  'optim.SGD.addParamGroup': (o: Options) => sgd().addParamGroup({ params: [ones([1])], ...o } as never),
  'optim.Optimizer.zeroGrad': (o) => sgd().zeroGrad(o),
  'optim.lrScheduler.StepLR': (o) => new lrScheduler.StepLR(sgd(), 1, o),
  'optim.lrScheduler.MultiStepLR': (o) => new lrScheduler.MultiStepLR(sgd(), [1], o),
  'optim.lrScheduler.LambdaLR': (o) => new lrScheduler.LambdaLR(sgd(), () => 1, o),
  'optim.lrScheduler.MultiplicativeLR': (o) => new lrScheduler.MultiplicativeLR(sgd(), () => 1, o),
  'optim.lrScheduler.ConstantLR': (o) => new lrScheduler.ConstantLR(sgd(), o),
  'optim.lrScheduler.LinearLR': (o) => new lrScheduler.LinearLR(sgd(), o),
  'optim.lrScheduler.ExponentialLR': (o) => new lrScheduler.ExponentialLR(sgd(), 0.9, o),
  'optim.lrScheduler.PolynomialLR': (o) => new lrScheduler.PolynomialLR(sgd(), o),
  'optim.lrScheduler.CosineAnnealingWarmRestarts': (o) =>
    new lrScheduler.CosineAnnealingWarmRestarts(sgd(), 2, o),
  'optim.lrScheduler.CyclicLR': (o) => new lrScheduler.CyclicLR(sgd(), 0.1, 1, o),
  'optim.lrScheduler.OneCycleLR': (o) => new lrScheduler.OneCycleLR(sgd(), 0.1, o),
  'optim.lrScheduler.ReduceLROnPlateau': (o) => new lrScheduler.ReduceLROnPlateau(sgd(), o),
  'optim.lrScheduler.SequentialLR': (o) =>
    new lrScheduler.SequentialLR(sgd(), [new lrScheduler.ConstantLR(sgd())], [], o),
  'optim.swaUtils.SWALR': (o) => new optim.swaUtils.SWALR(sgd(), 0.1, o),
  'optim.swaUtils.AveragedModel': (o) => new optim.swaUtils.AveragedModel(linear(), o),
  'optim.swaUtils.updateBn': (o) => optim.swaUtils.updateBn([], linear(), o),
  'train.Trainer': (o) => new train.Trainer({ ...run(), ...(o as object) }),
  'train.Trainer.fit': (o) => new train.Trainer(run()).fit(o),
  'train.evaluate': (o) => train.evaluate(linear(), [], { update: () => {} }, o),
  'train.ClassificationMetrics': (o) => new train.ClassificationMetrics(2, o),
  'optim.lrScheduler.CosineAnnealingLR': (o) => new lrScheduler.CosineAnnealingLR(sgd(), 1, o),
  tensor: (o) => ibn.tensor([1], o),
  fromBuffer: (o) => ibn.fromBuffer(new Float32Array(2), o),
  zeros: sizes(ibn.zeros),
  ones: sizes(ibn.ones),
  rand: sizes(ibn.rand),
  randn: sizes(ibn.randn),
  empty: sizes(ibn.empty),
  full: (o) => ibn.full([2], 1, o),
  randint: (o) => ibn.randint(0, 2, [2], o),
  randperm: (o) => ibn.randperm(2, o),
  arange: (o) => ibn.arange(0, 2, 1, o),
  linspace: (o) => ibn.linspace(0, 1, 2, o),
  eye: (o) => ibn.eye(2, 2, o),
  fullLike: (o) => ibn.fullLike(ones([1]), 1, o),
  zerosLike: (o) => ibn.zerosLike(ones([1]), o),
  onesLike: (o) => ibn.onesLike(ones([1]), o),
  randLike: (o) => ibn.randLike(ones([1]), o),
  randnLike: (o) => ibn.randnLike(ones([1]), o),
  emptyLike: (o) => ibn.emptyLike(ones([1]), o),
  allclose: (o) => ibn.allclose(ones([1]), ones([1]), o),
  grad: (o) => ibn.grad([ones([1])], [ones([1])], o),
  setPrintoptions: (o) => ibn.setPrintoptions(o),
  'Tensor.to': (o) => ones([1]).to('float64', o),
  'Tensor.cuda': (o) => ones([1]).cuda(0, o),
  'Tensor.backward': (o) => ones([1]).requiresGrad_().backward(null, o),
};

/** Layers that a table makes, with what they need. */
const LAYERS: Partial<Record<keyof typeof nn, unknown[]>> = {
  ReLU6: [],
  SELU: [],
  SiLU: [],
  Mish: [],
  Hardswish: [],
  Hardsigmoid: [],
  LeakyReLU: [0.1],
  ELU: [],
  CELU: [],
  Hardtanh: [-1, 1],
  Threshold: [0, 0],
  GELU: [],
  GLU: [],
  Hardshrink: [],
  Softshrink: [],
  Softplus: [1],
  RReLU: [],
  Softmax: [1],
  LogSoftmax: [],
  Softmin: [],
  PReLU: [1],
  Flatten: [],
  Dropout1d: [0.5],
  Dropout2d: [],
  Dropout3d: [],
  AlphaDropout: [],
  FeatureAlphaDropout: [],
  CosineSimilarity: [],
  PairwiseDistance: [2],
  Upsample: [],
  UpsamplingNearest2d: [],
  UpsamplingBilinear2d: [],
  Conv1d: [1, 1, 1],
  Conv3d: [1, 1, 1],
  ConvTranspose1d: [1, 1, 1],
  ConvTranspose2d: [1, 1, 1],
  ConvTranspose3d: [1, 1, 1],
  MaxPool1d: [2],
  MaxPool3d: [2],
  AvgPool1d: [2],
  AvgPool3d: [2],
  AdaptiveMaxPool1d: [2],
  AdaptiveMaxPool2d: [2],
  AdaptiveMaxPool3d: [2],
  LPPool1d: [2, 2],
  LPPool2d: [2, 2],
  LPPool3d: [2, 2],
  MaxUnpool1d: [2],
  MaxUnpool2d: [2],
  MaxUnpool3d: [2],
  FractionalMaxPool2d: [2],
  FractionalMaxPool3d: [2],
  BatchNorm1d: [1],
  BatchNorm3d: [1],
  InstanceNorm1d: [1],
  InstanceNorm3d: [1],
  LayerNorm: [1],
  RMSNorm: [1],
  GroupNorm: [1, 1],
  LocalResponseNorm: [1],
  Embedding: [1, 1],
  EmbeddingBag: [1, 1],
  Bilinear: [1, 1, 1],
  Fold: [2, 2],
  Unfold: [2],
};
/** Functions that a table makes, with what they need behind the input. */
const FUNCTIONS: Partial<Record<keyof typeof F, unknown[]>> = {
  relu6: [],
  selu: [],
  silu: [],
  mish: [],
  hardswish: [],
  hardsigmoid: [],
  leakyRelu: [0.1],
  elu: [],
  celu: [],
  hardtanh: [-1, 1],
  threshold: [0, 0],
  gelu: [],
  glu: [],
  hardshrink: [],
  softshrink: [],
  softplus: [],
  rrelu: [],
  softmax: [1],
  logSoftmax: [],
  softmin: [],
  gumbelSoftmax: [],
  pad: [[1, 1]],
  alphaDropout: [],
  featureAlphaDropout: [],
  dropout1d: [],
  dropout2d: [],
  dropout3d: [],
  upsample: [],
  upsampleNearest: [],
  upsampleBilinear: [],
  gridSample: [image()],
  affineGrid: [[1, 3, 2, 2]],
  cosineSimilarity: [image()],
  pairwiseDistance: [image(), 2],
  conv1d: [image()],
  conv3d: [image(), null],
  convTranspose1d: [image()],
  convTranspose2d: [image()],
  convTranspose3d: [image()],
  fold: [2, 2],
  unfold: [2],
  maxPool1d: [2],
  maxPool3d: [2],
  maxPool1dWithIndices: [2],
  maxPool2dWithIndices: [2],
  maxPool3dWithIndices: [2],
  avgPool1d: [2],
  avgPool3d: [2],
  adaptiveMaxPool1d: [2],
  adaptiveMaxPool2d: [2],
  adaptiveMaxPool3d: [2],
  lpPool1d: [2, 2],
  lpPool2d: [2, 2],
  lpPool3d: [2, 2],
  maxUnpool1d: [image(), 2],
  maxUnpool2d: [image(), 2],
  maxUnpool3d: [image(), 2],
  fractionalMaxPool2d: [2],
  fractionalMaxPool3d: [2],
  fractionalMaxPool2dWithIndices: [2],
  fractionalMaxPool3dWithIndices: [2],
  layerNorm: [2],
  rmsNorm: [2],
  groupNorm: [1],
  localResponseNorm: [1],
  embedding: [image()],
  embeddingBag: [image()],
  oneHot: [],
  pdist: [],
  convTbc: [image(), image()],
};
for (const [name, needed] of Object.entries(LAYERS))
  CALLS[`nn.${name}`] = (o) => Reflect.construct(nn[name as 'ReLU'], [...needed, o]);
for (const [name, needed] of Object.entries(FUNCTIONS))
  CALLS[`nn.functional.${name}`] = (o) => Reflect.apply(F[name as 'relu'], null, [image(), ...needed, o]);

/** What takes options and is not checked here, with the reason. */
const ELSEWHERE: Record<string, string> = {
  TorchError: 'made by the package',
  CheckpointError: 'made by the package',
  HubError: 'made by the package',
  LibtorchError: 'made by the package',
  CudaOutOfMemoryError: 'made by the package',
  CompileError: 'made by the package',
  CompiledModelError: 'made by the package',
  DatasetError: 'made by the package',
  ImageError: 'made by the package',
  'train.TrainError': 'made by the package',
  'reid.GalleryError': 'made by the package',
  'CompiledModel.run': 'test/compile/engine/run.test.ts',
  'CompiledModel.profile': 'test/compile/engine/profile.test.ts',
  'CompiledModel.fromPlan': 'called by the package',
  'cuda.graph': 'captures on a GPU: test/cuda/graph.test.ts',
  'optim.lrScheduler.LRScheduler': 'abstract: its subclasses check theirs',
  'serve.Server.listen': 'opens a port: test/serve',
  'serve.Server.close': 'opens a port: test/serve',
  'optim.Optimizer': 'abstract: its subclasses check theirs',
};

const UNKNOWN = { optionThatNobodyHas: 1 };

async function outcome(call: Call): Promise<unknown> {
  try {
    return await call(UNKNOWN as never);
  } catch (error) {
    return error;
  }
}

/** Names with a parameter called `options` in the declarations of the package, methods behind their class. */
function declared(): string[] {
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.d.ts'),
  );
  const found: string[] = [];
  for (const file of files.filter((name) => !/^(cli|libtorch|net|ops)\//.test(name))) {
    let owner = '';
    for (const statement of readFileSync(join(dist, file), 'utf8').split(/;\n|\{\n/)) {
      const named = /export (?:declare )?(?:abstract )?(class|function|interface|type) (\w+)/.exec(statement);
      if (named !== null) owner = named[1] === 'class' ? (named[2] as string) : '';
      if (!/[(,]\s*(?:options\??:|\w+\??: (?:\w+\.)?\w*Options\b)/.test(statement)) continue;
      if (named?.[1] === 'function') found.push(named[2] as string);
      const member = /(?:^|\n)\s*(?:static |override |protected )?(\w+)(?:<[^(]*>)?\(/.exec(statement)?.[1];
      if (owner !== '' && member !== undefined)
        found.push(member === 'constructor' ? owner : `${owner}.${member}`);
    }
  }
  return found;
}

/** Public names, several of one thing too, by their last part. */
function publicNames(): Map<string, string[]> {
  const names = new Map<string, string[]>();
  const visit = (space: object, prefix: string): void => {
    for (const [name, value] of Object.entries(space)) {
      const isSpace = Object.prototype.toString.call(value) === '[object Module]';
      if (isSpace) visit(value as object, `${prefix}${name}.`);
      else if (typeof value === 'function') names.set(name, [...(names.get(name) ?? []), prefix + name]);
    }
  };
  visit(ibn, '');
  return names;
}

/** Every public function and class once, by its first name. */
function publicCalls(): [string, (...args: unknown[]) => unknown][] {
  const calls = new Map<unknown, string>();
  const visit = (space: object, prefix: string): void => {
    for (const [name, value] of Object.entries(space)) {
      const isSpace = Object.prototype.toString.call(value) === '[object Module]';
      if (isSpace) visit(value as object, `${prefix}${name}.`);
      else if (typeof value === 'function' && !calls.has(value)) calls.set(value, prefix + name);
    }
  };
  visit(ibn, '');
  return [...calls].map(([value, name]) => [name, value as (...args: unknown[]) => unknown]);
}

/** What takes no notice of arguments behind its last, with the reason. */
const ANY_POSITIONS: [RegExp, string][] = [
  [/Error$/, 'made by the package'],
  [/^datasets\.(EmojiStyles|Scenes)$/, 'made by load, which is checked'],
  [/^(datasets\.WebDataset|reid\.Gallery|adapt\.Guard)$/, 'made by open or create, which is checked'],
  [
    /^(distributed\.(Work|ProcessGroup|Store|TCPStore)|reid\.LoadedReID|segment\.LoadedSegmenter|serve\.(Server|Service))$/,
    'made by the package',
  ],
  [/^(nn\.(Sequential|Identity)|TensorDataset|StackDataset)$/, 'takes any number'],
  [/^(nn|transforms)\.functional\./, 'called in every forward: options are checked, which come last'],
  [/^(linalg|fft|special)\./, 'ops, which know their arguments'],
  [
    /^autograd\.(detectAnomaly|enableGrad|grad|inferenceMode|isAnomalyEnabled|noGrad|setDetectAnomaly|setGradEnabled)$/,
    'the functions of the package by their other names',
  ],
  [
    /^autograd\.(Function|FunctionCtx)$|^utils\.checkpoint\.checkpoint$/,
    'abstract, made by the package, or takes any number',
  ],
  [/^(amp|cuda)\./, 'has no positions that torch has and this does not'],
  [
    /^optim\.(Optimizer|lrScheduler\.(LRScheduler|Scheduler))$|^distributions\.Distribution$|^segment\.Segmenter$/,
    'abstract',
  ],
  [
    /^(checkpoint\.Inert\w+|CompiledModel|Complex|MappedFile|OpaqueValue|UntypedStorage|Tensor|Slice|Generator)$/,
    'made by the package, or a value',
  ],
  [/^models\.ModelSummary$|^nn\.(StateDict|utils\.skipInit)$/, 'made by the package, or takes any number'],
  [
    /^[a-z]\w*$/,
    'functions of tensors, called in inner loops: options are checked, which come last, and ops know their arguments',
  ],
];
const CHECKED =
  /^(load|save|compile|quantize|exportTorchScript|exportOnnx|loadCompiled|defaultCollate|decodeImage|encodePng|writePng)$/;

const make =
  (type: object, ...args: unknown[]) =>
  () =>
    Reflect.construct(type as never, args) as unknown;

async function positionsOutcome(call: (...args: unknown[]) => unknown): Promise<string> {
  const many = Array(20).fill(0);
  try {
    await (/^class\b/.test(String(call)) ? Reflect.construct(call, many) : call(...many));
    return 'nothing';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('options', () => {
  it.each(Object.keys(CALLS))('that %s does not have are refused by name', async (name) => {
    const result = await outcome(CALLS[name] as Call);
    const shown = isTensor(result) ? 'a tensor' : String(result);
    expect(shown).toMatch(/optionThatNobodyHas/);
  });

  it('are checked above for all that takes any', () => {
    const names = publicNames();
    const known = new Set([...Object.keys(CALLS), ...Object.keys(ELSEWHERE)]);
    const unchecked = declared().filter((name) => {
      const [owner, ...rest] = name.split('.') as [string, ...string[]];
      const all = names.get(owner)?.map((full) => [full, ...rest].join('.')) ?? [];
      return all.length > 0 && !all.some((full) => known.has(full));
    });
    expect([...new Set(unchecked)]).toEqual([]);
  });

  it('behind the last that is read are refused by all that is called once', async () => {
    const silent: string[] = [];
    for (const [name, call] of publicCalls()) {
      if (!CHECKED.test(name) && ANY_POSITIONS.some(([names]) => names.test(name))) continue;
      if (!/^Expected at most \d arguments? for /.test(await positionsOutcome(call))) silent.push(name);
    }
    expect(silent).toEqual([]);
  });

  it('are refused with what they are', () => {
    const refused = (call: () => unknown) => errorOf(call).message;
    const calls = [
      make(transforms.CenterCrop, 32, 4),
      make(transforms.Normalize, [0.5], [0.5], {}),
      make(transforms.RandomHorizontalFlip, 0.5, {}),
      make(nn.AdaptiveAvgPool2d, 1, 2),
      make(nn.Sigmoid, { inplace: true }),
      make(transforms.ToTensor, 'float32'),
      () => Reflect.apply(ibn.save, null, [{}, missing, {}]),
      make(transforms.Compose, new transforms.ToTensor(), new transforms.ToTensor()),
      () => new transforms.Compose(new transforms.ToTensor() as never),
      () => new transforms.Compose([new transforms.ToTensor(), nn.ReLU as never]),
      () => models.createFeatureExtractor(backbone(), 'layer1' as never),
      () => models.createFeatureExtractor(backbone(), [1] as never),
      () => new ibn.DataLoader({ length: 1, get: () => 1 }, { collateFn: 5 as never }),
      () => new ibn.DataLoader(undefined as never),
      () => new ibn.DataLoader([1, 2] as never),
      () => new ibn.DataLoader({ length: 1.5, get: () => 1 }),
      () => new ibn.DataLoader({ get: () => 1 } as never),
    ];
    expect(calls.map(refused)).toMatchInlineSnapshot(`
      [
        "Expected at most 1 argument for CenterCrop, got 2, of which nothing reads 4",
        "Expected at most 2 arguments for Normalize, got 3, of which nothing reads an object",
        "Expected at most 1 argument for RandomHorizontalFlip, got 2, of which nothing reads an object",
        "Expected at most 1 argument for AdaptiveAvgPool2d, got 2, of which nothing reads 2",
        "Expected at most 0 arguments for Sigmoid, got 1, of which nothing reads an object",
        "Expected at most 0 arguments for ToTensor, got 1, of which nothing reads "float32"",
        "Expected at most 2 arguments for save, got 3, of which nothing reads an object",
        "Expected at most 1 argument for Compose, got 2, of which nothing reads a ToTensor",
        "Expected an array of transforms for Compose, such as new Compose([new ToTensor()]), got a ToTensor",
        "Expected a transform with a forward for Compose [1], got the function ReLU",
        "Expected an array of names for createFeatureExtractor, such as ['layer1', 'layer4'], got "layer1"",
        "Expected an array of names for createFeatureExtractor, such as ['layer1', 'layer4'], got 1",
        "Expected a function for DataLoader collateFn, got 5",
        "Expected a data set with length and get(index) for DataLoader, got undefined",
        "Expected a data set with length and get(index) for DataLoader, got an array; for an array pass { length, get: (i) => array[i] }",
        "Expected a data set with length and get(index) for DataLoader, got a length of 1.5",
        "Expected a data set with length and get(index) for DataLoader, got a length of undefined",
      ]
    `);
  });

  it('that are undefined are none', () => {
    const crop = make(transforms.CenterCrop, 32, undefined)() as InstanceType<typeof transforms.CenterCrop>;
    expect(crop.size).toEqual([32, 32]);
    expect(new nn.Identity(54, { unused: true }).forward(image()).shape).toEqual([1, 3, 8, 8]);
  });
});
