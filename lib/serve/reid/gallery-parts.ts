import type { Gallery } from '../../reid/gallery/index.ts';
import type { ServiceContext } from '../service-routes.ts';
import type { ReceivedImage } from '../work/preparer.ts';
import type { Task } from '../work/task.ts';
import type { ImageStore } from './image-store.ts';

/** What the routes of a gallery stand on. */
export interface GalleryParts {
  readonly gallery: Gallery;
  readonly images: ImageStore;
  extract(image: ReceivedImage, task: Task, context: ServiceContext): Promise<Float32Array>;
  describe(): object;
}
