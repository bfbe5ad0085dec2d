import { isTensor, nn, ones, randn, type Tensor, tensor } from '../../lib/index.ts';
import { casesOf, decode, decodeOptions, families, type ModuleCase } from '../nn/module-cases.ts';
import { functionalCalls } from './functional-calls.ts';

/** A module that works: what it is made of, and what its forward takes. */
export interface ModuleCall {
  name: string;
  given: unknown[];
  inputs: unknown[];
  training: boolean;
}

const floats = (...shape: number[]): Tensor => randn(shape);
const recurrent = { numLayers: 2, bias: true, batchFirst: true, dropout: 0.1, bidirectional: false };
const sequence = floats(2, 3, 4);
const layer = {
  dimFeedforward: 6,
  dropout: 0.1,
  activation: 'gelu',
  layerNormEps: 1e-4,
  batchFirst: true,
  normFirst: false,
  bias: true,
};
const mask = floats(3, 3);
const isLeftOut = tensor([
  [false, false, true],
  [false, false, false],
]);
const encoderMasks = { srcMask: mask, srcKeyPaddingMask: isLeftOut, isCausal: false };
const decoderMasks = {
  tgtMask: mask,
  memoryMask: mask,
  tgtKeyPaddingMask: isLeftOut,
  memoryKeyPaddingMask: isLeftOut,
  tgtIsCausal: false,
  memoryIsCausal: false,
};
const encoderLayer = new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 6, batchFirst: true });
const decoderLayer = new nn.TransformerDecoderLayer(4, 2, { dimFeedforward: 6, batchFirst: true });
const linear = new nn.Linear(4, 4);

/** Modules that are in no fixture of cases, by name: arguments and inputs. */
const OTHERS: Record<string, [given: unknown[], inputs: unknown[]]> = {
  SyncBatchNorm: [[3, { eps: 1e-4, momentum: 0.2, affine: true, trackRunningStats: true }], [sequence]],
  RNN: [
    [4, 5, { ...recurrent, nonlinearity: 'relu' }],
    [sequence, floats(2, 2, 5)],
  ],
  GRU: [
    [4, 5, recurrent],
    [sequence, floats(2, 2, 5)],
  ],
  LSTM: [
    [4, 5, { ...recurrent, projSize: 3 }],
    [sequence, [floats(2, 2, 3), floats(2, 2, 5)]],
  ],
  RNNCell: [
    [4, 5, { bias: true, nonlinearity: 'relu' }],
    [floats(2, 4), floats(2, 5)],
  ],
  GRUCell: [
    [4, 5, { bias: true }],
    [floats(2, 4), floats(2, 5)],
  ],
  LSTMCell: [
    [4, 5, { bias: true }],
    [floats(2, 4), [floats(2, 5), floats(2, 5)]],
  ],
  MultiheadAttention: [
    [
      4,
      2,
      { dropout: 0.1, bias: true, addBiasKv: true, addZeroAttn: true, kdim: 4, vdim: 4, batchFirst: true },
    ],
    [
      sequence,
      sequence,
      sequence,
      {
        keyPaddingMask: isLeftOut,
        needWeights: true,
        attnMask: mask,
        averageAttnWeights: true,
        isCausal: false,
      },
    ],
  ],
  TransformerEncoderLayer: [
    [4, 2, layer],
    [sequence, encoderMasks],
  ],
  TransformerDecoderLayer: [
    [4, 2, layer],
    [sequence, sequence, decoderMasks],
  ],
  TransformerEncoder: [
    [encoderLayer, 2, { norm: new nn.LayerNorm(4), enableNestedTensor: false, maskCheck: true }],
    [sequence, { mask, srcKeyPaddingMask: isLeftOut, isCausal: false }],
  ],
  TransformerDecoder: [
    [decoderLayer, 2, { norm: new nn.LayerNorm(4) }],
    [sequence, sequence, decoderMasks],
  ],
  Transformer: [
    [4, 2, { ...layer, numEncoderLayers: 1, numDecoderLayers: 1 }],
    [
      sequence,
      sequence,
      {
        srcMask: mask,
        tgtMask: mask,
        memoryMask: mask,
        srcKeyPaddingMask: isLeftOut,
        tgtKeyPaddingMask: isLeftOut,
        memoryKeyPaddingMask: isLeftOut,
        srcIsCausal: false,
        tgtIsCausal: false,
        memoryIsCausal: false,
      },
    ],
  ],
  Sequential: [[linear, linear], [floats(2, 4)]],
  LinearCrossEntropyLoss: [
    [8, 4, { weight: ones([4]), ignoreIndex: -1, labelSmoothing: 0.1, outFeatures: [2], bias: true }],
    [
      floats(3, 8),
      tensor(
        [
          [0, 1],
          [1, 3],
          [2, 0],
        ],
        { dtype: 'int64' },
      ),
    ],
  ],
  AdaptiveLogSoftmaxWithLoss: [
    [8, 9, [4, 6], { divValue: 2, headBias: true }],
    [floats(3, 8), tensor([1, 5, 8], { dtype: 'int64' })],
  ],
};

/** Modules without a forward, by name: arguments. */
const CONTAINERS: Record<string, unknown[]> = {
  ModuleDict: [{ a: linear }],
  ModuleList: [[linear]],
  ParameterDict: [{ a: ones([2]) }],
  ParameterList: [[ones([2])]],
  Module: [],
  Parameter: [ones([2]), { requiresGrad: true }],
};

const camelCase = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);
/** Losses whose function has another name than the class. */
const LOSS_FUNCTIONS: Record<string, string> = {
  BCELoss: 'binaryCrossEntropy',
  BCEWithLogitsLoss: 'binaryCrossEntropyWithLogits',
  NLLLoss: 'nllLoss',
  NLLLoss2d: 'nllLoss',
  CTCLoss: 'ctcLoss',
  KLDivLoss: 'klDiv',
  MSELoss: 'mseLoss',
  CrossEntropyLoss: 'crossEntropy',
  PoissonNLLLoss: 'poissonNllLoss',
  GaussianNLLLoss: 'gaussianNllLoss',
  MultiLabelMarginLoss: 'multilabelMarginLoss',
  MultiLabelSoftMarginLoss: 'multilabelSoftMarginLoss',
};

/** A loss takes as options what its function does. */
function lossCall(name: string): ModuleCall {
  const all = functionalCalls[LOSS_FUNCTIONS[name] ?? camelCase(name)] as unknown[];
  const { weight, ...options } = all.at(-1) as Record<string, unknown>;
  const takesWeight = /^(BCE|BCEWithLogits|NLL|CrossEntropy|MultiLabelSoftMargin|MultiMargin)Loss(2d)?$/.test(
    name,
  );
  const given = takesWeight ? { weight, ...options } : options;
  return { name, given: [given], inputs: all.slice(0, -1), training: true };
}

/** The samples of fractional pooling are drawn in float64, as the modules of the fixture are. */
const inSingle = (options: object): object =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key, isTensor(value) ? value.to('float32') : value]),
  );

/** The first case of each module, and those that have options which none before had. */
function fixtureCalls(): ModuleCall[] {
  const seen = new Map<string, Set<string>>();
  const isNew = ({ name, options }: ModuleCase): boolean => {
    const keys = seen.get(name);
    const fresh = keys === undefined || Object.keys(options).some((key) => !keys.has(key));
    seen.set(name, new Set([...(keys ?? []), ...Object.keys(options)]));
    return fresh;
  };
  return families
    .flatMap(casesOf)
    .filter(isNew)
    .map(({ name, required, options, inputs, training }) => ({
      name,
      given: [...required.map(decode), ...decodeOptions(options).map(inSingle)],
      inputs: inputs.map(decode),
      training,
    }));
}

/** Calls that work of what nn exports as classes. */
export function moduleCalls(): ModuleCall[] {
  const losses = Object.keys(nn).filter((name) => /Loss(2d)?$/.test(name) && !(name in OTHERS));
  const others = Object.entries(OTHERS).map(([name, [given, inputs]]) => ({
    name,
    given,
    inputs,
    training: true,
  }));
  const containers = Object.entries(CONTAINERS).map(([name, given]) => ({
    name,
    given,
    inputs: [],
    training: true,
  }));
  return [...fixtureCalls(), ...losses.map(lossCall), ...others, ...containers];
}
