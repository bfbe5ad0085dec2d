import { readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Tensor } from '../../tensor/index.ts';
import { DatasetError } from '../errors.ts';
import { decodeImage, IMAGE_EXTENSIONS } from '../image.ts';
import type { Transform } from '../transforms/transform.ts';
import { checkIndex, type Dataset } from './dataset.ts';

/** Options of {@link ImageFolder}. */
export interface ImageFolderOptions {
  /** Applied to each decoded image, a `uint8` tensor (3, H, W). */
  transform?: Transform;
  /** Reads an image; default `decodeImage`. */
  loader?: (path: string) => Promise<Tensor>;
}

/**
 * Images in one folder per class, `root/<class>/**`. Classes and files are sorted as torchvision sorts them
 * (by code point), so indices agree.
 *
 * @throws DatasetError when there is no class folder, or one without images
 * @example
 * const val = new ImageFolder('imagenet/val', { transform: transforms.imagenetEval() });
 * const [image, label] = await val.get(0);
 */
export class ImageFolder implements Dataset<[image: Tensor, label: number]> {
  readonly root: string;
  readonly classes: readonly string[];
  readonly classToIdx: ReadonlyMap<string, number>;
  readonly samples: readonly (readonly [path: string, label: number])[];
  private readonly transform: Transform | undefined;
  private readonly loader: (path: string) => Promise<Tensor>;

  constructor(root: string, options: ImageFolderOptions = {}) {
    this.root = root;
    this.classes = findClasses(root);
    this.classToIdx = new Map(this.classes.map((name, index) => [name, index]));
    this.samples = this.classes.flatMap((name, label) =>
      findImages(join(root, name)).map((path) => [path, label] as const),
    );
    checkNoneEmpty(this);
    this.transform = options.transform;
    this.loader = options.loader ?? decodeImage;
  }

  get length(): number {
    return this.samples.length;
  }

  async get(index: number): Promise<[image: Tensor, label: number]> {
    checkIndex(index, this.length, 'ImageFolder');
    const [path, label] = this.samples[index] as readonly [string, number];
    const image = await this.loader(path);
    if (this.transform === undefined) return [image, label];
    const prepared = this.transform.forward(image);
    if (prepared !== image) image.dispose();
    return [prepared, label];
  }
}

/** All images below `folder`, sorted by folder and then by name, hidden files left out. */
export function findImages(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  const images = entries.filter(
    (entry) => isImageName(entry.name) && isFile(join(entry.parentPath, entry.name)),
  );
  const order = (a: (typeof images)[number], b: (typeof images)[number]) =>
    byCodePoint(a.parentPath, b.parentPath) || byCodePoint(a.name, b.name);
  return images.sort(order).map((entry) => join(entry.parentPath, entry.name));
}

function isImageName(name: string): boolean {
  return !name.startsWith('.') && IMAGE_EXTENSIONS.includes(extname(name).toLowerCase());
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function findClasses(root: string): string[] {
  const stat = statSync(root, { throwIfNoEntry: false });
  const entries = stat?.isDirectory() ? readdirSync(root) : [];
  const classes = entries.filter((name) => statSync(join(root, name)).isDirectory()).sort(byCodePoint);
  if (classes.length > 0) return classes;
  const reason = stat ? 'got none' : 'got no such folder';
  throw new DatasetError(`Expected a folder for each class in ${root}, ${reason}; check the path`, {
    code: 'ERR_DATASET_NOT_FOUND',
    path: root,
  });
}

function checkNoneEmpty({ root, classes, samples }: ImageFolder): void {
  const filled = new Set(samples.map(([, label]) => label));
  const empty = classes.filter((_, label) => !filled.has(label));
  if (empty.length === 0) return;
  throw new DatasetError(
    `Expected images (${IMAGE_EXTENSIONS.join(', ')}) for every class in ${root}, got none for ` +
      `${empty.slice(0, 3).join(', ')}${empty.length > 3 ? ` (+${empty.length - 3})` : ''}; remove the empty folders`,
    { code: 'ERR_DATASET_EMPTY_CLASS', path: root },
  );
}

/** Python's order of strings; JavaScript's differs outside the basic plane. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
