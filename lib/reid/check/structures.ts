import { MaxPool2d, type Module, ReLU } from '../../nn/index.ts';
import {
  FastReID,
  type LoadedReID,
  type ReIDModel,
  ResNetBackbone,
  StrongBaseline,
} from '../models/index.ts';
import type { Suspect } from './suspect.ts';

/** Networks that are built otherwise with the same weights: what no key tells. */
export function structureSuspects({ model }: LoadedReID<ReIDModel>): Suspect[] {
  if (!(model instanceof StrongBaseline || model instanceof FastReID)) return [];
  const backbone = model instanceof StrongBaseline ? model.base : model.backbone;
  if (!(backbone instanceof ResNetBackbone)) return [];
  const stride = model instanceof FastReID ? (model.options.lastStride ?? 1) : model.lastStride;
  return [stemRelu(model, backbone), maxPool(model, backbone), lastStride(model, stride)];
}

function stemRelu(model: Module, backbone: ResNetBackbone): Suspect {
  const { relu } = backbone;
  return {
    fault: 'stem-relu',
    what: relu === null ? 'has a ReLU in the stem' : 'has no ReLU in the stem',
    rebuilt: (use) => {
      backbone.relu = relu === null ? new ReLU() : null;
      try {
        return use(model);
      } finally {
        backbone.relu = relu;
      }
    },
    remedy:
      relu === null
        ? "reid-strong-baseline's plain ResNets have none; for weights of a network that has one set model.base.relu = new nn.ReLU()"
        : 'the published network has one; for weights of a network without it set the relu of its backbone to null',
    showsInStatistics: true,
  };
}

function maxPool(model: Module, backbone: ResNetBackbone): Suspect {
  const pool = backbone.maxpool;
  const isCeil = /ceil_mode=True/.test(pool.extraRepr());
  const other = isCeil
    ? new MaxPool2d(3, { stride: 2, padding: 1 })
    : new MaxPool2d(3, { stride: 2, ceilMode: true });
  return {
    fault: 'max-pool',
    what: isCeil ? 'pads before the max-pooling' : 'pools with ceil_mode and no padding',
    rebuilt: (use) => {
      backbone.maxpool = other;
      try {
        return use(model);
      } finally {
        backbone.maxpool = pool;
      }
    },
    remedy: `use one of both in training and here: { options: { maxPool: '${isCeil ? 'padded' : 'ceil'}' } } for fast-reid's networks`,
    // Windows move by one pixel: statistics do not tell.
    showsInStatistics: false,
  };
}

function lastStride(model: StrongBaseline | FastReID, stride: 1 | 2): Suspect {
  const other = stride === 1 ? 2 : 1;
  return {
    fault: 'last-stride',
    what: `has a last stride of ${other}`,
    rebuilt: (use) => {
      const built = withLastStride(model, other);
      try {
        return use(built);
      } finally {
        built.dispose();
      }
    },
    remedy: `pass { options: { lastStride: ${other} } }`,
    showsInStatistics: true,
  };
}

function withLastStride(model: StrongBaseline | FastReID, lastStride: 1 | 2): Module {
  const numClasses = 1;
  const built =
    model instanceof FastReID
      ? new FastReID({ ...model.options, numClasses, lastStride })
      : new StrongBaseline({
          backbone: model.backboneName,
          neck: model.neck,
          neckFeat: model.neckFeat,
          numClasses,
          lastStride,
        });
  const isHead = (key: string) => /^(classifier|heads\.weight)/.test(key);
  built.loadStateDict(new Map([...model.stateDict()].filter(([key]) => !isHead(key))), { strict: false });
  const { device, dtype } = model.parameters()[0] ?? { device: 'cpu', dtype: 'float32' };
  return built.to({ device, dtype }).eval();
}
