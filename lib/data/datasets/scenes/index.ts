export { SCENE_CLASSES } from './classes.ts';
export type { SceneLook, ScenesOptions } from './options.ts';
export type { Photograph } from './photographs.ts';
export { Scenes } from './scenes.ts';
export {
  type SceneDomain,
  type WriteScenesOptions,
  type WrittenScenes,
  writeScenes,
} from './write-scenes.ts';
