export { fsEncode } from '../fs-path.ts';
export { type StreamedSample, tarSamples } from '../tar/tar-samples.ts';
export { type TargetOf, type TarSample, WebDataset, type WebDatasetOptions } from '../tar/web-dataset.ts';
export type { Dataset } from './dataset.ts';
export {
  type Colour,
  EMOJI_STYLES,
  type Emoji,
  type EmojiClasses,
  type EmojiFilter,
  type EmojiSample,
  type EmojiStyle,
  EmojiStyles,
  type EmojiStylesOptions,
  type SplitEmojiOptions,
  type StyleReport,
  type StyleSplit,
  type StyleSplitOptions,
  splitEmoji,
} from './emoji-styles/index.ts';
export { FashionMNIST, type FashionMNISTOptions } from './fashion-mnist.ts';
export { readIdx } from './idx.ts';
export { findImages, ImageFolder, type ImageFolderOptions } from './image-folder.ts';
export {
  type Photograph,
  SCENE_CLASSES,
  type SceneDomain,
  type SceneLook,
  Scenes,
  type ScenesOptions,
  type WriteScenesOptions,
  type WrittenScenes,
  writeScenes,
} from './scenes/index.ts';
