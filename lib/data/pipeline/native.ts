import type { Binding } from '../../binding.ts';
import { native } from '../../tensor/native.ts';

/** The part of the native module that prepares images. */
export type ImageBinding = Pick<
  Binding,
  'imagesCreate' | 'imagesOpen' | 'imagesPrepare' | 'imagesClose' | 'jpegLibrary' | 'dispose'
>;

export const images: ImageBinding = native;
