export { fsEncode } from '../fs-path.ts';
export type { Dataset } from './dataset.ts';
export { FashionMNIST, type FashionMNISTOptions } from './fashion-mnist.ts';
export { readIdx } from './idx.ts';
export { findImages, ImageFolder, type ImageFolderOptions } from './image-folder.ts';
