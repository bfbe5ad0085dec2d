import type { FastifyInstance } from 'fastify';
import {
  checkFlag,
  checkFunction,
  checkIterable,
  checkOptions,
  checkPositions,
  checkText,
  describeValue,
} from '../../options.ts';
import { Gallery, type NewEntry } from '../../reid/gallery/index.ts';
import type { ReceivedImage } from '../jobs/preparer.ts';
import { Slot } from '../jobs/slot.ts';
import type { Task } from '../jobs/task.ts';
import { checkServed, ModelFigures } from '../served-model.ts';
import { Service } from '../service.ts';
import type { ServiceContext, ServiceRoutes } from '../service-routes.ts';
import { addEntryRoutes } from './entry-routes.ts';
import { Extractor } from './extractor.ts';
import { addFigureRoutes } from './figure-routes.ts';
import { GalleryFolder } from './gallery-folder.ts';
import type { GalleryParts } from './gallery-parts.ts';
import { ImageStore } from './image-store.ts';
import { addPage } from './page-routes.ts';
import { checkProbe } from './probe.ts';
import { addSearchRoutes } from './search-routes.ts';
import type { ServedReID } from './served-reid.ts';

/** Options of {@link reidGallery}. */
export interface ReidGalleryOptions {
  /** Loads the network: at the beginning, and at each reload. */
  load: () => Promise<ServedReID> | ServedReID;
  /** A folder that keeps entries, enrolled images, and whose features they are; begun where there is none. Needs `npm install lmdb`. */
  folder?: string;
  /** In place of `folder`: a gallery of your own, which you close yourself. Enrolled images are not kept. */
  gallery?: Gallery;
  /** Where files lie that ids are the paths of, as those that `ibn-net reid extract` writes. */
  images?: string;
  /** Enrolled at the beginning, where their ids are not there yet. Their features must be this network's. */
  entries?: readonly NewEntry[];
  /** Average the features of each image and its mirror image. Default false. */
  flip?: boolean;
}

/**
 * A service that finds who or what images show in a gallery: `POST /search`, `/extract`, `/enrol`, entries and their images,
 * figures, and a page in the browser at `/`.
 *
 * @throws RangeError where the folder's features are another network's
 * @example
 * const loaded = reid.load('sbs_R50-ibn.pth');
 * const service = await serve.reidGallery({
 *   folder: 'people',
 *   load: async () => ({
 *     name: loaded.name,
 *     model: (await compile(loaded.model, { inputs: [[1, 3, ...loaded.size]], maxBatch: 16, maxDelayMs: 2 })) as CompiledModel<Tensor>,
 *     transform: loaded.transform,
 *   }),
 * });
 */
export async function reidGallery(options: ReidGalleryOptions): Promise<Service> {
  checkPositions('serve.reidGallery', arguments, 1);
  checkReidOptions(options);
  const { load, folder, images, entries = [], flip = false } = options;
  const slot = await Slot.open(async () => new Extractor(checkLoaded(await load()), flip));
  try {
    const probe = await slot.current.probe();
    const kept = folder === undefined ? undefined : new GalleryFolder(folder);
    const gallery =
      kept === undefined
        ? ownGallery(options, probe)
        : await kept.open(slot.current.served.name, flip, probe);
    await enrolNew(gallery, entries);
    return new Service(
      new ReidService(slot, gallery, new ImageStore(kept?.images, images), kept !== undefined),
    );
  } catch (error) {
    await slot.close();
    throw error;
  }
}

const AT_ONCE = 1000;

async function enrolNew(gallery: Gallery, entries: readonly NewEntry[]): Promise<void> {
  const fresh = entries.filter(({ id }) => gallery.get(id) === undefined);
  for (let i = 0; i < fresh.length; i += AT_ONCE) await gallery.enrol(fresh.slice(i, i + AT_ONCE));
}

class ReidService implements ServiceRoutes, GalleryParts {
  readonly title = 'ibn-net reid serve';
  readonly description = 'Finds who or what images show in a gallery.';
  readonly gallery: Gallery;
  readonly images: ImageStore;
  readonly #slot: Slot<Extractor>;
  readonly #closesGallery: boolean;
  readonly #figures = new ModelFigures();

  constructor(slot: Slot<Extractor>, gallery: Gallery, images: ImageStore, closesGallery: boolean) {
    this.#slot = slot;
    this.gallery = gallery;
    this.images = images;
    this.#closesGallery = closesGallery;
  }

  get reloads(): number {
    return this.#slot.reloads;
  }

  figures() {
    return this.#figures.of(this.#slot.current.served.model);
  }

  /** Another network's features would be compared with those that are there: it is refused. */
  async reload(): Promise<object> {
    const old = this.#slot.current;
    await this.#slot.reload(async (next) => {
      checkProbe(await next.probe(), await old.probe());
      this.#figures.add(old.served.model);
    });
    return this.describe();
  }

  async close(): Promise<void> {
    await this.#slot.close();
    if (this.#closesGallery) await this.gallery.close();
  }

  mount(app: FastifyInstance, context: ServiceContext): void {
    addSearchRoutes(app, this, context);
    addEntryRoutes(app, this, context);
    addFigureRoutes(app, this);
    addPage(app);
  }

  extract(image: ReceivedImage, task: Task, context: ServiceContext): Promise<Float32Array> {
    return this.#slot.use((extractor) => extractor.extract(image, task, context));
  }

  describe(): object {
    const { served, since } = this.#slot.current;
    const { name, about = {} } = served;
    return { name, width: this.gallery.width, ...about, since: since.toISOString(), reloads: this.reloads };
  }
}

function checkReidOptions({
  load,
  folder,
  gallery,
  images,
  flip = false,
  entries,
  ...rest
}: ReidGalleryOptions): void {
  checkOptions('serve.reidGallery', rest, ['load', 'folder', 'gallery', 'images', 'entries', 'flip']);
  checkFunction('serve.reidGallery load', load);
  checkFlag('serve.reidGallery flip', flip);
  if (entries !== undefined) checkIterable('serve.reidGallery entries', 'an array of entries', entries);
  if (images !== undefined) checkText('serve.reidGallery images', 'a folder', images);
  if (folder !== undefined) checkText('serve.reidGallery folder', 'a folder', folder);
  if ((folder === undefined) !== (gallery === undefined)) return;
  const got = folder === undefined ? 'neither' : 'both';
  throw new TypeError(`Expected folder or gallery for serve.reidGallery, got ${got}`);
}

function ownGallery({ gallery }: ReidGalleryOptions, probe: Float32Array): Gallery {
  if (!(gallery instanceof Gallery)) {
    throw new TypeError(
      `Expected a reid.Gallery for serve.reidGallery gallery, got ${describeValue(gallery)}`,
    );
  }
  if (gallery.width === probe.length) return gallery;
  throw new RangeError(
    `Expected a gallery of features with ${probe.length} numbers, as the network gives, got ${gallery.width}`,
  );
}

function checkLoaded(served: ServedReID): ServedReID {
  const owner = 'what serve.reidGallery load gives';
  checkOptions(owner, served, ['name', 'model', 'transform', 'about']);
  checkText(`${owner} name`, 'a text', served.name);
  checkServed(owner, served);
  return served;
}
