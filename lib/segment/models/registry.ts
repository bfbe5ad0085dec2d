import { checkOptions, checkPositions, checkText, suggestion } from '../../options.ts';
import { BACKBONE_OPTIONS, SEGMENT_BACKBONES } from './backbone.ts';
import { DeepLabV3 } from './deeplabv3.ts';
import { DeepLabV3Plus } from './deeplabv3plus.ts';
import { FCN } from './fcn.ts';
import type { Segmenter, SegmenterOptions } from './segmenter.ts';

const HEADS = { fcn: FCN, deeplabv3: DeepLabV3, deeplabv3plus: DeepLabV3Plus } as const;

/** What stands behind the backbone. */
export type SegmenterHead = keyof typeof HEADS;

/** Names of the heads. */
export const SEGMENTER_HEADS = Object.keys(HEADS) as SegmenterHead[];

const OPTIONS = ['numClasses', 'aux', 'alignCorners', ...BACKBONE_OPTIONS];

/**
 * Names of the networks for segmentation: a head and a backbone.
 *
 * @example
 * segment.list(); // ['fcn/resnet18', 'fcn/resnet18_ibn_a', ..., 'deeplabv3plus/se_resnet152_ibn_a']
 */
export function list(): string[] {
  checkPositions('segment.list', arguments, 0);
  return SEGMENTER_HEADS.flatMap((head) => SEGMENT_BACKBONES.map((backbone) => `${head}/${backbone}`));
}

/**
 * Builds a network by name.
 *
 * @throws RangeError naming near ones if there is no such network.
 * @example
 * const model = segment.create('deeplabv3plus/resnet50_ibn_b', { numClasses: 19, outputStride: 16 });
 */
export function create(name: string, options: Omit<SegmenterOptions, 'backbone'> = {}): Segmenter {
  checkPositions('segment.create', arguments, 2);
  checkText('segment.create', 'the name of a network', name);
  const [head = '', backbone = '', ...rest] = name.split('/');
  if (!Object.hasOwn(HEADS, head) || !SEGMENT_BACKBONES.includes(backbone) || rest.length > 0)
    throw new RangeError(`Unknown network "${name}"${nearest(name, head)}`);
  checkOptions(name, options, OPTIONS);
  return new HEADS[head as SegmenterHead]({ ...options, backbone });
}

/** There are too many to name all. */
function nearest(name: string, head: string): string {
  const near = suggestion(name, list());
  if (near.startsWith('; did')) return near;
  const isHead = Object.hasOwn(HEADS, head);
  return `; known: ${isHead ? head : SEGMENTER_HEADS.join(', ')} / ${SEGMENT_BACKBONES.join(', ')}`;
}
