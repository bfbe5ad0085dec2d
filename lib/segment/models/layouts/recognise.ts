import { recognise as recogniseClassifier } from '../../../models/recognise.ts';
import { findBackbone } from './backbone.ts';
import { type Finding, renamed, type SegmentLayout, type Shapes } from './finding.ts';

interface Reader {
  readonly layout: SegmentLayout;
  readonly head: Finding['head'];
  /** A key of the head, and where it ends in the prefix. */
  readonly mark: RegExp;
  /** The key whose first dimension is the classes'. */
  readonly scores: string;
  readonly aux: string;
  readonly assumed: (own: Shapes) => Readonly<Record<string, unknown>>;
  rename(key: string): string;
}

const STEM: Readonly<Record<string, string>> = { '0': 'conv1', '1': 'bn1' };
const DEEP_STEM: Readonly<Record<string, string>> = {
  ...STEM,
  ...{ '3': 'conv2', '4': 'bn2', '6': 'conv3', '7': 'bn3' },
};

/** `layer0` has the stem, `instance_norm_layer` is the IN of a block. */
function fromRobustNet(key: string): string {
  const [, index, rest] = /^layer0\.(\d)\.(.+)$/.exec(key) ?? [];
  if (index !== undefined && DEEP_STEM[index] !== undefined) return `backbone.${DEEP_STEM[index]}.${rest}`;
  return /^layer\d\./.test(key) ? `backbone.${key.replace('.instance_norm_layer.', '.IN.')}` : key;
}

const same = (key: string): string => key;
const TORCHVISION = () => ({ outputStride: 8, dilateFirst: false, alignCorners: false });
const PLUS = { mark: /aspp\.features\.0\.0\.weight$/, scores: 'final2.0.weight', aux: 'dsn.0.weight' };
const isShallow = (own: Shapes) => !own.has('backbone.layer1.0.conv3.weight');

const READERS: readonly Reader[] = [
  {
    ...{ ...PLUS, layout: 'RobustNet', head: 'deeplabv3plus', rename: fromRobustNet },
    // Its ResNet-18 is not dilated, its ResNet-101 (with a deep stem) is published at output stride 8.
    assumed: (own) => ({
      outputStride: isShallow(own) ? 32 : own.has('backbone.conv3.weight') ? 8 : 16,
    }),
  },
  {
    ...{ ...PLUS, layout: 'ibn-net', head: 'deeplabv3plus', rename: same },
    assumed: () => ({ outputStride: 16 }),
  },
  {
    ...{ layout: 'torchvision', head: 'deeplabv3', rename: same, aux: 'aux_classifier.0.weight' },
    ...{ mark: /classifier\.0\.convs\.0\.0\.weight$/, scores: 'classifier.4.weight', assumed: TORCHVISION },
  },
  {
    ...{ layout: 'torchvision', head: 'fcn', rename: same, aux: 'aux_classifier.0.weight' },
    ...{ mark: /(?<!aux_)classifier\.4\.weight$/, scores: 'classifier.4.weight', assumed: TORCHVISION },
  },
];

/** The network that keys and shapes describe. */
export function findNetwork(shapes: Shapes, layout?: SegmentLayout): Finding | undefined {
  const readers = READERS.filter((reader) => layout === undefined || fits(reader, layout));
  for (const reader of readers) {
    const found = read(reader, shapes);
    if (found !== undefined) return layout === undefined ? found : { ...found, layout };
  }
  return undefined;
}

/** This package's FCN and DeepLabV3 have torchvision's keys. */
const fits = (reader: Reader, layout: SegmentLayout): boolean =>
  reader.layout === layout || (layout === 'ibn-net' && reader.layout === 'torchvision');

function read(
  { layout, head, mark, scores, aux, assumed, rename }: Reader,
  shapes: Shapes,
): Finding | undefined {
  const place = [...shapes.keys()].map((key) => mark.exec(key)).find((match) => match !== null);
  if (place === undefined) return undefined;
  const prefix = place.input.slice(0, place.index);
  const own = renamed(shapes, prefix, rename);
  const backbone = findBackbone(own);
  const numClasses = own.get(scores)?.[0];
  if (backbone === undefined || numClasses === undefined || !own.has('backbone.conv1.weight'))
    return undefined;
  return {
    ...{ layout, head, prefix, numClasses, rename },
    backbone: backbone.name,
    options: { ...backbone.options, aux: own.has(aux) },
    assumed: assumed(own),
  };
}

/** What a file is that no layout fits, and what to do. */
export function describeOther(shapes: Shapes, layout?: SegmentLayout): string {
  const other = layout === undefined ? undefined : findNetwork(shapes);
  if (other !== undefined) return `it looks like a file of ${other.layout}; leave layout out`;
  const keys = [...shapes.keys()];
  if (keys.some((key) => key.includes('sw_mean_weight')))
    return 'it looks like RobustNet with switchable whitening, which is not built here';
  const classifier = recogniseClassifier(shapes);
  if (classifier !== undefined)
    return `it looks like the classification network ${classifier.model}; begin training with it by segment.loadBackbone(model, file)`;
  return `its keys are ${keys.slice(0, 3).join(', ')}${keys.length > 3 ? ', ...' : ''}`;
}
