import type { Gallery } from '../../reid/gallery/index.ts';
import type { ReceivedImage } from '../jobs/preparer.ts';
import type { Task } from '../jobs/task.ts';
import type { ServiceContext } from '../service-routes.ts';
import type { ImageStore } from './image-store.ts';

/** What the routes of a gallery stand on. */
export interface GalleryParts {
  readonly gallery: Gallery;
  readonly images: ImageStore;
  extract(image: ReceivedImage, task: Task, context: ServiceContext): Promise<Float32Array>;
  describe(): object;
}
