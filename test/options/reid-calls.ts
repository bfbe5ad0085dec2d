import { nn, ones, optim, randn, reid, tensor } from '../../lib/index.ts';
import type { Call, Calls } from './call.ts';

type Options = Record<string, unknown>;

const features = () => randn([4, 3]);
const labels = () => tensor([0, 0, 1, 1]);
const ids = [0, 0, 1, 1];
const sgd = () => new optim.SGD([ones([1]).requiresGrad_()]);
const open = (options: object = {}) => reid.Gallery.open({ width: 3, ...options });
const ranked = {
  queryFeatures: ones([1, 2]),
  galleryFeatures: ones([2, 2]),
  queryIds: [1],
  galleryIds: [1, 2],
};
const withRanked =
  (call: (options: never) => unknown): Call =>
  (o: Options) =>
    call({ ...ranked, ...o } as never);

const OSNETS = [
  ...(['osnet_x1_0', 'osnet_x0_75', 'osnet_x0_5', 'osnet_x0_25', 'osnet_ibn_x1_0'] as const),
  ...(['osnet_ain_x1_0', 'osnet_ain_x0_75', 'osnet_ain_x0_5', 'osnet_ain_x0_25'] as const),
];
const BUILDERS = [...OSNETS, 'bagtricks', 'agw', 'sbs', 'mgn'] as const;
const CLASSES = ['FastReID', 'MGN', 'OSNet', 'StrongBaseline'] as const;

/** Networks for re-identification and their parts. */
const NETWORKS: Calls = {
  ...Object.fromEntries(BUILDERS.map((name) => [`reid.${name}`, (o: never) => reid[name](o)])),
  ...Object.fromEntries(CLASSES.map((name) => [`reid.${name}`, (o: never) => new reid[name](o)])),
  ...Object.fromEntries(
    reid.list().map((name) => [`reid.create ${name}`, (o: never) => reid.create(name, o)]),
  ),
  'reid.create': (o) => reid.create('osnet_x0_25', o),
  'reid.load': (o) => reid.load('/nowhere/file.pth', o),
  'reid.extract': (o) => reid.extract({} as never, [], o),
  'reid.ConvNorm': (o) => new reid.ConvNorm(2, 2, 1, o),
  'reid.SEBottleneck': (o: Options) =>
    new reid.SEBottleneck('senet', 4, 4, { groups: 1, reduction: 1, ...o } as never),
  'reid.SENet': (o) => new reid.SENet(o),
  'reid.OSNetFeatures': (o) => new reid.OSNetFeatures(o),
  'reid.ResNetBackbone': (o) => new reid.ResNetBackbone(o),
  'reid.EmbeddingHead': (o) => new reid.EmbeddingHead(2, 3, o),
};

const DATA: Calls = {
  'reid.trainingSet': (o) => reid.trainingSet([], o),
  'reid.ReidImages': (o) => new reid.ReidImages([], o),
  ...Object.fromEntries(
    reid
      .listData()
      .map((name) => [`reid.loadData ${name}`, (o: never) => reid.loadData(name, '/nowhere', o)]),
  ),
  'reid.BalancedIdentitySampler': (o: Options) =>
    new reid.BalancedIdentitySampler(ids, ids, { batchSize: 2, numInstances: 2, ...o } as never),
  'reid.NaiveIdentitySampler': (o: Options) =>
    new reid.NaiveIdentitySampler(ids, { batchSize: 2, numInstances: 2, ...o } as never),
  'reid.RandomIdentitySampler': (o: Options) =>
    new reid.RandomIdentitySampler(ids, { batchSize: 2, numInstances: 2, ...o } as never),
  'reid.ReIDRandomErasing': (o) => new reid.ReIDRandomErasing(o),
  'reid.strongBaselineTrain': (o) => reid.strongBaselineTrain(o),
  'reid.fastReIDTrain': (o) => reid.fastReIDTrain(o),
};

const TRAINING: Calls = {
  'reid.crossEntropyLoss': (o) => reid.crossEntropyLoss(features(), labels(), o),
  'reid.focalLoss': (o) => reid.focalLoss(features(), labels(), o),
  'reid.pairwiseCircleLoss': (o) => reid.pairwiseCircleLoss(features(), labels(), o),
  'reid.pairwiseCosface': (o) => reid.pairwiseCosface(features(), labels(), o),
  'reid.TripletLoss': (o) => new reid.TripletLoss(0.3, o),
  'reid.tripletLoss': (o) => reid.tripletLoss(features(), labels(), o),
  'reid.strongBaselineGroups': (o) => reid.strongBaselineGroups(new nn.Linear(1, 1), o),
  'reid.FastReIDLR': (o: Options) =>
    new reid.FastReIDLR(sgd(), { itersPerEpoch: 2, maxEpochs: 3, ...o } as never),
  'reid.WarmupMultiStepLR': (o) => new reid.WarmupMultiStepLR(sgd(), [1], o),
};

const RANKING: Calls = {
  'reid.evaluateRanking': withRanked(reid.evaluateRanking),
  'reid.rankQueries': withRanked(reid.rankQueries),
  'reid.roc': withRanked(reid.roc),
  'reid.evaluateVehicleId': (o: Options) =>
    reid.evaluateVehicleId({ features: features(), ids, ...o } as never),
  'reid.aqe': (o) => reid.aqe(features(), features(), o),
  'reid.rerank': (o) => reid.rerank(features(), features(), o),
  'reid.rerankDistances': (o) => reid.rerankDistances(ones([2, 2]), ones([2, 2]), ones([2, 2]), o),
};

const GALLERIES: Calls = {
  'reid.calibrateThreshold': (o) => reid.calibrateThreshold({ features: features(), ids }, o),
  'reid.Gallery.open': (o) => open(o),
  'reid.Gallery.search': async (o) => (await open()).search([1, 0, 0], o),
  'reid.Gallery.searchImage': async (o) => (await open({ extract: () => [1, 0, 0] })).searchImage(0, o),
  'reid.Gallery.calibrate': async (o) => (await open()).calibrate(o),
};

/** What is for re-identification. */
export const REID_CALLS: Calls = { ...NETWORKS, ...DATA, ...TRAINING, ...RANKING, ...GALLERIES };
