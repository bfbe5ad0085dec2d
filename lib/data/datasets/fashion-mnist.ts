import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkFlag, checkOptions, checkPositions, checkText } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { DatasetError } from '../errors.ts';
import type { Transform } from '../transforms/transform.ts';
import { checkIndex, checkTransform, type Dataset } from './dataset.ts';
import { readIdx } from './idx.ts';

/** Where Debian's package dataset-fashion-mnist puts the files. */
const DEBIAN_ROOT = '/usr/share/datasets/fashion-mnist';

/** Options of {@link FashionMNIST}. */
export interface FashionMNISTOptions {
  /** The 60,000 training images (default), or the 10,000 test images. */
  train?: boolean;
  /** Applied to each image that `get` returns, a `uint8` tensor (1, 28, 28). */
  transform?: Transform;
}

/**
 * Zalando's Fashion-MNIST: 28 x 28 gray images of ten kinds of clothing. Reads the four idx files, gzipped or
 * not, from `root` or `root/FashionMNIST/raw` (torchvision's place).
 *
 * @param root default: the folder of Debian's package dataset-fashion-mnist
 * @throws DatasetError when files are missing or damaged
 * @example
 * const test = new datasets.FashionMNIST(undefined, { train: false });
 * test.data.shape; // [10000, 28, 28]
 * const [image, label] = test.get(0); // (1, 28, 28), 9
 */
export class FashionMNIST implements Dataset<[image: Tensor, label: number]> {
  static readonly classes: readonly string[] = [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ];
  readonly classes = FashionMNIST.classes;
  /** All images, `uint8` (N, 28, 28). */
  readonly data: Tensor;
  /** All labels, `int64` (N). */
  readonly targets: Tensor;
  readonly #labels: readonly number[];
  readonly #transform: Transform | undefined;

  constructor(root: string = DEBIAN_ROOT, options: FashionMNISTOptions = {}) {
    checkPositions('FashionMNIST', arguments, 2);
    checkOptions('FashionMNIST', options, ['train', 'transform']);
    const { train = true, transform } = options;
    checkText('FashionMNIST', 'a path', root);
    checkFlag('FashionMNIST train', train);
    checkTransform('FashionMNIST', transform);
    const prefix = train ? 'train' : 't10k';
    const [imagePath, labelPath] = findPair(root, prefix);
    this.data = readIdx(imagePath);
    const labels = readIdx(labelPath);
    checkPair(this.data, labels, imagePath, labelPath);
    this.targets = labels.to('int64');
    this.#labels = Array.from(labels.data() as Uint8Array);
    labels.dispose();
    this.#transform = transform;
  }

  get length(): number {
    return this.#labels.length;
  }

  get(index: number): [image: Tensor, label: number] {
    checkIndex(index, this.length, 'FashionMNIST');
    const image = this.data.narrow(0, index, 1); // (1, 28, 28)
    return [this.#transform?.forward(image) ?? image, this.#labels[index] as number];
  }
}

function findPair(root: string, prefix: string): [images: string, labels: string] {
  const names = [`${prefix}-images-idx3-ubyte`, `${prefix}-labels-idx1-ubyte`];
  const folders = [root, join(root, 'FashionMNIST', 'raw')];
  for (const folder of folders) {
    const found = names.map((name) =>
      [name, `${name}.gz`].map((file) => join(folder, file)).find(existsSync),
    );
    if (found[0] && found[1]) return [found[0], found[1]];
  }
  throw new DatasetError(
    `Expected ${names.join('[.gz] and ')}[.gz] in ${folders.join(' or ')}; install them with ` +
      '"apt-get install dataset-fashion-mnist" on Debian or Ubuntu, or download the four files from ' +
      'https://github.com/zalandoresearch/fashion-mnist and pass their folder as root',
    { code: 'ERR_DATASET_NOT_FOUND', path: root },
  );
}

function checkPair(images: Tensor, labels: Tensor, imagePath: string, labelPath: string): void {
  const [count, height, width] = images.shape;
  if (images.dtype !== 'uint8' || images.dim() !== 3 || height !== 28 || width !== 28) {
    const got = `${images.dtype} [${images.shape.join(', ')}]`;
    throw damaged(imagePath, `Expected uint8 images [N, 28, 28] in ${imagePath}, got ${got}`);
  }
  if (labels.dtype !== 'uint8' || labels.dim() !== 1 || labels.shape[0] !== count) {
    const got = `${labels.dtype} [${labels.shape.join(', ')}]`;
    throw damaged(labelPath, `Expected ${count} uint8 labels in ${labelPath}, got ${got}`);
  }
  if ((labels.data() as Uint8Array).some((label) => label > 9)) {
    throw damaged(labelPath, `Expected labels 0 to 9 in ${labelPath}, got a larger one`);
  }
}

function damaged(path: string, message: string): DatasetError {
  return new DatasetError(`${message}; fetch the file again`, { code: 'ERR_DATASET_DAMAGED', path });
}
