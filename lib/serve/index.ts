/** Servers: networks over HTTP. */
export {
  type ClassificationOptions,
  classification,
  type ServedClassifier,
} from './classification/classification.ts';
export { createServer, type ListenOptions, Server } from './create-server.ts';
export type { ImageFormatName, ServeLimits, ServeOptions } from './options.ts';
export { ServerPackagesError } from './packages-error.ts';
export { plugin, type ServePlugin } from './plugin.ts';
export { type ReidGalleryOptions, reidGallery } from './reid/reid-gallery.ts';
export type { ServedReID } from './reid/served-reid.ts';
export type { ServedModel } from './served-model.ts';
export { Service } from './service.ts';
