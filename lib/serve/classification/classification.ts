import type { FastifyInstance } from 'fastify';
import type { Transform } from '../../data/transforms/index.ts';
import { checkFunction, checkOptions, checkPositions, checkText, checkTexts } from '../../options.ts';
import { describeRoute } from '../http/describe.ts';
import { addImageRoute, allOf } from '../http/image-route.ts';
import type { ReceivedImage } from '../jobs/preparer.ts';
import { runImage } from '../jobs/run-model.ts';
import { Slot } from '../jobs/slot.ts';
import type { Task } from '../jobs/task.ts';
import { checkWhole } from '../options.ts';
import { badRequest } from '../request-error.ts';
import { checkServed, ModelFigures, type ServedModel } from '../served-model.ts';
import { Service } from '../service.ts';
import type { ServiceContext, ServiceRoutes } from '../service-routes.ts';
import { type ClassPrediction, topClasses } from './top-classes.ts';

/** A classifier as a server runs it. */
export interface ServedClassifier {
  /** What `GET /model` calls it. */
  readonly name: string;
  /** Logits (1, classes) of an image. */
  readonly model: ServedModel;
  /** Makes a decoded image, `uint8` (3, H, W), what the network takes: float32 (C, H, W). */
  readonly transform: Transform;
  /** Their names, by index. */
  readonly classes: readonly string[];
  /** More for `GET /model`; what JSON can say. */
  readonly about?: Readonly<Record<string, unknown>>;
}

/** Options of {@link classification}. */
export interface ClassificationOptions {
  /** Loads the classifier: at the beginning, and at each reload. */
  load: () => Promise<ServedClassifier> | ServedClassifier;
  /** How many classes are given where a request does not say. Default 5. */
  top?: number;
}

/**
 * A service that classifies images: `POST /classify`, `GET /model`. Images of all callers are computed together as the model's
 * `maxBatch` and `maxDelayMs` say.
 *
 * @example
 * const service = await serve.classification({
 *   load: async () => ({
 *     name: 'resnet50_ibn_a',
 *     model: await compile(network, { inputs: [[1, 3, 224, 224]], maxBatch: 16, maxDelayMs: 2 }),
 *     transform: transforms.imagenetEval(),
 *     classes: IMAGENET_CLASSES,
 *   }),
 * });
 */
export async function classification(options: ClassificationOptions): Promise<Service> {
  checkPositions('serve.classification', arguments, 1);
  checkOptions('serve.classification', options, ['load', 'top']);
  checkFunction('serve.classification load', options.load);
  const top = checkWhole('serve.classification', 'top', options.top ?? 5);
  const slot = await Slot.open(async () => new Classifier(checkLoaded(await options.load())));
  return new Service(new Classification(slot, top));
}

class Classifier {
  readonly served: ServedClassifier;
  readonly since = new Date();

  constructor(served: ServedClassifier) {
    this.served = served;
  }

  async close(): Promise<void> {
    await this.served.model.close?.();
  }
}

interface Fields {
  readonly top: number;
}

class Classification implements ServiceRoutes {
  readonly title = 'ibn-net serve';
  readonly description = 'Names what images show.';
  readonly #slot: Slot<Classifier>;
  readonly #top: number;
  readonly #figures = new ModelFigures();

  constructor(slot: Slot<Classifier>, top: number) {
    this.#slot = slot;
    this.#top = top;
  }

  get reloads(): number {
    return this.#slot.reloads;
  }

  figures() {
    return this.#figures.of(this.#slot.current.served.model);
  }

  async reload(): Promise<object> {
    const { served } = this.#slot.current;
    await this.#slot.reload(async () => this.#figures.add(served.model));
    return this.#describe();
  }

  close(): Promise<void> {
    return this.#slot.close();
  }

  mount(app: FastifyInstance, context: ServiceContext): void {
    const schema = describeRoute({ summary: 'The network, and since when it answers' });
    app.get('/model', { schema }, async () => this.#describe());
    addImageRoute<Fields>(
      app,
      {
        url: '/classify',
        summary: 'The most probable classes of one or several images',
        takes: 'images',
        fields: { top: { type: 'integer', minimum: 1, maximum: 1000, description: 'Classes of each image' } },
        answer: ANSWER,
        handle: async ({ images, fields, task }) => {
          if (images.length === 0) throw badRequest('Expected at least one image, got none');
          const running = images.map((image) =>
            this.#classify(image, fields.top ?? this.#top, task, context),
          );
          const found = await task.run(allOf(running));
          return { results: found.map((predictions, i) => ({ name: images[i]?.name, predictions })) };
        },
      },
      context,
    );
  }

  #classify(
    image: ReceivedImage,
    top: number,
    task: Task,
    { preparer }: ServiceContext,
  ): Promise<ClassPrediction[]> {
    return this.#slot.use(({ served: { model, transform, classes } }) =>
      runImage({ model, transform, preparer, task }, image, async (x, run) =>
        topClasses(await run(x), classes, top),
      ),
    );
  }

  #describe(): object {
    const { served, since } = this.#slot.current;
    const { name, classes, about = {} } = served;
    return { name, classes: classes.length, ...about, since: since.toISOString(), reloads: this.reloads };
  }
}

const ANSWER = {
  type: 'object',
  properties: {
    results: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          name: { type: 'string', description: 'The file, or its place in the request' },
          predictions: {
            type: 'array',
            items: {
              type: 'object',
              properties: {
                class: { type: 'string' },
                index: { type: 'integer' },
                probability: { type: 'number' },
              },
            },
          },
        },
      },
    },
  },
};

const KNOWN = ['name', 'model', 'transform', 'classes', 'about'];

function checkLoaded(served: ServedClassifier): ServedClassifier {
  const owner = 'what serve.classification load gives';
  checkOptions(owner, served, KNOWN);
  checkText(`${owner} name`, 'a text', served.name);
  checkTexts(`${owner} classes`, 'names', served.classes);
  checkServed(owner, served);
  return served;
}
