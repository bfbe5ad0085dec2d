/** Servers: networks over HTTP. */
export {
  type ClassificationOptions,
  classification,
  type ServedClassifier,
} from './classification/classification.ts';
export { createServer, type ListenOptions, Server } from './create-server.ts';
export type { ImageFormatName, ServeLimits, ServeOptions } from './options.ts';
export { ServerPackagesError } from './packages.ts';
export { plugin, type ServePlugin } from './plugin.ts';
export type { ServedReID } from './reid/extractor.ts';
export { type ReidGalleryOptions, reidGallery } from './reid/reid-gallery.ts';
export type { ServedModel } from './served-model.ts';
export { Service } from './service.ts';
