import { lstatSync, type Stats, statSync } from 'node:fs';
import { pathOf } from '../../atomic-file.ts';
import {
  checkFlag,
  checkFunction,
  checkOptions,
  checkPositions,
  checkText,
  checkTexts,
} from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { DatasetError, ImageError } from '../errors.ts';
import { expandUser, fsEncode, joinPath } from '../fs-path.ts';
import { decodeImage } from '../image.ts';
import { hasExtension, IMAGE_EXTENSIONS, READABLE_EXTENSIONS } from '../image-extensions.ts';
import type { ImageDataset, ImageRecord } from '../pipeline/image-record.ts';
import type { Transform } from '../transforms/transform.ts';
import { checkIndex, checkTransform, type Dataset } from './dataset.ts';
import { type FileFilter, listFiles, listFolders } from './folder-listing.ts';

/** Options of {@link ImageFolder}. */
export interface ImageFolderOptions {
  /** Applied to each decoded image, a `uint8` tensor (3, H, W). */
  transform?: Transform;
  /** Applied to each label. */
  targetTransform?: (label: number) => number;
  /** Reads an image; default `decodeImage`. Paths that are not UTF-8 need `datasets.fsEncode` before `fs` takes them. */
  loader?: (path: string) => Promise<Tensor>;
  /** Endings of the files to take, lower case. Default {@link IMAGE_EXTENSIONS}, which are torchvision's. */
  extensions?: readonly string[];
  /** Takes the place of `extensions`: whether a file belongs to the data set. */
  isValidFile?: FileFilter;
  /** Classes may be empty. Default false. */
  allowEmpty?: boolean;
}

const OPTIONS = ['transform', 'targetTransform', 'loader', 'extensions', 'isValidFile', 'allowEmpty'];

/**
 * Images in one folder per class, `root/<class>/**`: the classes and samples of torchvision's `ImageFolder` (0.28),
 * in its order. Links to folders are followed, hidden files and folders count, letter case of extensions does not.
 * Names that are not UTF-8 are strings as in Python (`os.fsdecode`): their bytes are lone surrogates.
 *
 * Two departures, where torchvision goes on in silence: a link that leads back to a folder around it is refused
 * (torchvision lists its files forty times), and so is a folder that cannot be read (torchvision leaves it out).
 *
 * @param root a folder; `~` is the home folder
 * @throws DatasetError when there is no class folder, or a class without images unless `allowEmpty`
 * @throws RangeError for an unknown option, or both `extensions` and `isValidFile`
 * @example
 * const val = new datasets.ImageFolder('photos/val', { transform: transforms.imagenetEval() });
 * const [image, label] = await val.get(0);
 */
export class ImageFolder
  implements Dataset<[image: Tensor, label: number]>, ImageDataset<[image: Tensor, label: number]>
{
  readonly root: string;
  readonly classes: readonly string[];
  readonly classToIdx: ReadonlyMap<string, number>;
  readonly samples: readonly (readonly [path: string, label: number])[];
  /** The label of each sample. */
  readonly targets: readonly number[];
  readonly #transform: Transform | undefined;
  readonly #targetTransform: (label: number) => number;
  readonly #loader: (path: string) => Promise<Tensor>;

  constructor(root: string | URL, options: ImageFolderOptions = {}) {
    checkPositions('ImageFolder', arguments, 2);
    checkOptions('ImageFolder', options, OPTIONS);
    checkKinds(options);
    const accept = fileFilter(options);
    this.root = expandUser(pathOf(root, 'ImageFolder'));
    this.classes = findClasses(this.root);
    this.classToIdx = new Map(this.classes.map((name, index) => [name, index]));
    this.samples = this.classes.flatMap((name, label) =>
      listFiles(joinPath(this.root, name), accept).map((path) => [path, label] as const),
    );
    this.targets = this.samples.map(([, label]) => label);
    if (options.allowEmpty !== true) checkNoneEmpty(this, options);
    this.#transform = options.transform;
    this.#targetTransform = options.targetTransform ?? ((label) => label);
    this.#loader = options.loader ?? decodeImage;
  }

  get length(): number {
    return this.samples.length;
  }

  /** For a `DataLoader`, which reads and prepares the images itself; undefined with a `loader` of your own. */
  imageRecord(index: number): ImageRecord<[image: Tensor, label: number]> | undefined {
    checkIndex(index, this.length, 'ImageFolder');
    if (this.#loader !== decodeImage) return undefined;
    const [source, target] = this.samples[index] as readonly [string, number];
    const sample = (image: Tensor): [Tensor, number] => [image, this.#targetTransform(target)];
    const failed = (error: Error) => this.#refuse(error, source, target);
    return { source, transform: this.#transform, sample, failed };
  }

  async get(index: number): Promise<[image: Tensor, label: number]> {
    checkIndex(index, this.length, 'ImageFolder');
    const [path, target] = this.samples[index] as readonly [string, number];
    const image = await this.#loader(path).catch((error: unknown) => this.#refuse(error, path, target));
    const label = this.#targetTransform(target);
    if (this.#transform === undefined) return [image, label];
    const prepared = this.#transform.forward(image);
    if (prepared !== image) image.dispose();
    return [prepared, label];
  }

  /** An image that cannot be read is one thing, a data set that is no longer there another: nobody means to leave that out. */
  #refuse(error: unknown, path: string, target: number): never {
    const folder = joinPath(this.root, this.classes[target] as string);
    const isGone =
      error instanceof ImageError && error.code === 'ERR_IMAGE_NOT_FOUND' && statsOf(folder) === undefined;
    if (!isGone) throw error;
    throw new DatasetError(
      `Expected ${folder} to stay while its images are read, got no such folder for ${path}`,
      {
        code: 'ERR_DATASET_VANISHED',
        path: folder,
        cause: error,
      },
    );
  }
}

/**
 * All images below `folder` in the order of {@link ImageFolder}: files with the extension of any format that
 * `decodeImage` reads, or those asked for.
 *
 * @throws DatasetError as {@link ImageFolder}
 */
export function findImages(folder: string, extensions: readonly string[] = READABLE_EXTENSIONS): string[] {
  checkPositions('findImages', arguments, 2);
  checkText('findImages', 'a path', folder);
  checkTexts('findImages extensions', 'endings', extensions);
  return listFiles(folder, (path) => hasExtension(path, extensions));
}

function checkKinds({ transform, extensions, allowEmpty, ...functions }: ImageFolderOptions): void {
  checkTransform('ImageFolder', transform);
  if (extensions !== undefined) checkTexts('ImageFolder extensions', 'endings', extensions);
  if (allowEmpty !== undefined) checkFlag('ImageFolder allowEmpty', allowEmpty);
  for (const [name, value] of Object.entries(functions)) {
    if (value !== undefined) checkFunction(`ImageFolder ${name}`, value);
  }
}

function fileFilter({ extensions, isValidFile }: ImageFolderOptions): FileFilter {
  if (extensions !== undefined && isValidFile !== undefined) {
    throw new RangeError('Expected extensions or isValidFile for ImageFolder, got both; leave one out');
  }
  const lower = (extensions ?? IMAGE_EXTENSIONS).map((extension) => extension.toLowerCase());
  return isValidFile ?? ((path) => hasExtension(path, lower));
}

function findClasses(root: string): string[] {
  const stat = statsOf(root);
  const classes = stat?.isDirectory() ? listFolders(root) : [];
  if (classes.length > 0) return classes;
  const reason = stat === undefined ? 'got no such folder' : stat.isDirectory() ? 'got none' : 'got a file';
  const dangling = stat === undefined && lstatSync(fsEncode(root), { throwIfNoEntry: false }) !== undefined;
  throw new DatasetError(
    `Expected a folder for each class in ${root}, ${dangling ? 'got a link that leads nowhere' : reason}; check the path`,
    { code: 'ERR_DATASET_NOT_FOUND', path: root },
  );
}

function statsOf(root: string): Stats | undefined {
  try {
    return statSync(fsEncode(root));
  } catch {
    return undefined;
  }
}

function checkNoneEmpty({ root, classes, targets }: ImageFolder, options: ImageFolderOptions): void {
  const filled = new Set(targets);
  const empty = classes.filter((_, label) => !filled.has(label));
  if (empty.length === 0) return;
  const what = options.isValidFile
    ? 'files that isValidFile takes'
    : `images (${(options.extensions ?? IMAGE_EXTENSIONS).join(', ')})`;
  const names = `${empty.slice(0, 3).join(', ')}${empty.length > 3 ? ` (+${empty.length - 3})` : ''}`;
  throw new DatasetError(
    `Expected ${what} for every class in ${root}, got none for ${names}; remove the empty folders or pass { allowEmpty: true }`,
    { code: 'ERR_DATASET_EMPTY_CLASS', path: root },
  );
}
