/** Networks for segmentation, with the keys and numbers of the published ones. */
import { registerOwnClasses } from '../../tensor/own-code.ts';
import * as backbone from './backbone.ts';
import * as deeplabv3 from './deeplabv3.ts';
import * as deeplabv3plus from './deeplabv3plus.ts';
import * as fcn from './fcn.ts';
import * as heads from './heads.ts';

export {
  type BackboneFeatures,
  SEGMENT_BACKBONES,
  SegmentBackbone,
  type SegmentBackboneOptions,
} from './backbone.ts';
export { DeepLabV3 } from './deeplabv3.ts';
export { DeepLabV3Plus } from './deeplabv3plus.ts';
export { FCN } from './fcn.ts';
export { ASPP, ASPPPooling, FCNHead, ProjectedASPP } from './heads.ts';
export type { SegmentLayout } from './layouts/finding.ts';
export { type LoadBackboneOptions, load, loadBackbone, type SegmentLoadOptions } from './load.ts';
export { LoadedSegmenter } from './loaded.ts';
export { create, list, type SegmenterHead } from './registry.ts';
export { Segmenter, type SegmenterOptions, type SegmenterOutputs } from './segmenter.ts';

registerOwnClasses(backbone, deeplabv3, deeplabv3plus, fcn, heads);
