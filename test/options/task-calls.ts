import {
  adapt,
  autograd,
  decodeLabels,
  nn,
  ones,
  reid,
  segment,
  serve,
  studies,
  zeros,
} from '../../lib/index.ts';
import type { Calls } from './call.ts';

const nowhere = '/nowhere/file.pth';
const scores = () => ones([1, 2, 4, 4]);
const target = () => zeros([1, 4, 4], { dtype: 'int64' });
const small = { backbone: 'resnet18', numClasses: 2 };

const SEGMENT: Calls = {
  decodeLabels: (o) => decodeLabels(nowhere, o),
  'segment.loadData': (o) => segment.loadData('cityscapes', '/nowhere', o),
  'segment.SegmentDataset': (o) => new segment.SegmentDataset({ pairs: [], size: null } as never, o),
  'segment.trainTransform': (o) => segment.trainTransform(o),
  'segment.ohemCrossEntropy': (o) => segment.ohemCrossEntropy(scores(), target(), o),
  'segment.segmentLoss': (o) => segment.segmentLoss(scores(), target(), o),
  'segment.confusion': (o: object) => segment.confusion(target(), target(), { numClasses: 2, ...o }),
  'segment.figuresOf': (o) => segment.figuresOf([1, 0, 0, 1], o),
  'segment.SegmentMetrics': (o) => new segment.SegmentMetrics(2, o),
  'segment.SegmentBackbone': (o) => new segment.SegmentBackbone('resnet18', o),
  'segment.DeepLabV3': (o: object) => new segment.DeepLabV3({ ...small, ...o } as never),
  'segment.DeepLabV3Plus': (o: object) => new segment.DeepLabV3Plus({ ...small, ...o } as never),
  'segment.FCN': (o: object) => new segment.FCN({ ...small, ...o } as never),
  'segment.create': (o) => segment.create('fcn/resnet18', o),
  'segment.load': (o) => segment.load(nowhere, o),
  'segment.loadBackbone': (o) => segment.loadBackbone(segment.create('fcn/resnet18'), nowhere, o),
  'segment.predict': (o) => segment.predict(segment.create('fcn/resnet18'), ones([1, 3, 8, 8]), o),
};

const SERVE: Calls = {
  'serve.createServer': (o) => serve.createServer({} as never, o),
  'serve.plugin': (o) => serve.plugin({} as never, o),
  'serve.classification': (o) => serve.classification(o),
  'serve.reidGallery': (o: object) => serve.reidGallery({ load: () => ({}), ...o } as never),
};

const norm = () => new nn.Sequential(new nn.BatchNorm2d(1)) as never;

const ADAPT: Calls = {
  'adapt.adaBn': (o) => adapt.adaBn(norm(), [], o),
  'adapt.forwardAtTestTime': (o) => adapt.forwardAtTestTime(norm(), ones([2, 1, 2, 2]), o),
  'adapt.Guard.create': (o) => adapt.Guard.create(norm(), [], o),
  'adapt.Tent': (o) => new adapt.Tent(norm(), o),
  'adapt.MeanTeacher': (o) => new adapt.MeanTeacher(norm(), o),
};

/** What stands on networks, optimizers and data: segmentation, servers, studies, and the rest of Re-ID. */
export const TASK_CALLS: Calls = {
  ...SEGMENT,
  ...SERVE,
  ...ADAPT,
  'autograd.backward': (o) => autograd.backward(ones([1]), null, o),
  'studies.buildVariant': (o) => studies.buildVariant('a', 18, o),
  'studies.divergence': (o) => studies.divergence({} as never, {} as never, o),
  'reid.check': (o) => reid.check(nowhere, [], o),
  'reid.reportPage': (o) => reid.reportPage(o),
  'reid.train': (o: object) => reid.train({ train: [], output: '/nowhere', ...o } as never),
  'reid.Gallery.list': async (o) => (await reid.Gallery.open({ width: 2 })).list(o),
};
