import { checkIterable, checkOptions, checkPositions } from '../../../options.ts';
import type { Tensor } from '../../../tensor/index.ts';
import { fromOwnBytes } from '../../../tensor/own-bytes.ts';
import type { Transform } from '../../transforms/transform.ts';
import { checkIndex, type Dataset } from '../dataset.ts';
import { checkEmoji, type Emoji } from './emoji.ts';
import { loadSheets } from './load.ts';
import {
  type Colour,
  checkAmong,
  checkColour,
  checkSplit,
  checkStyles,
  type EmojiStylesOptions,
  readOptions,
  type StyleSplitOptions,
} from './options.ts';
import { choose, type EmojiSample, type StyleReport } from './samples.ts';
import { checkUnseen } from './styles.ts';

/** What {@link EmojiStyles.indices} picks. */
export interface EmojiFilter {
  /** Default all. */
  styles?: readonly string[];
  /** Default all. */
  emoji?: Iterable<Emoji>;
}

/** What {@link EmojiStyles.splitByStyle} gives. */
export interface StyleSplit {
  readonly train: readonly number[];
  readonly test: readonly number[];
  /** Pictures left out of `test`, as they are those of a training style pixel by pixel. */
  readonly identical: number;
}

/**
 * The same things drawn by different hands: emoji of up to nine icon sets, styles as domains and Unicode's groups,
 * subgroups or each emoji as classes. A shift of appearance with exact labels, and exact masks in the pictures' alpha.
 *
 * Drawings come from npm packages that one installs besides (`npm install` with the names that the error lists); their
 * licences are in {@link EMOJI_STYLES}. What was drawn is kept in the cache, and drawn anew for another size or version.
 * Tones of skin and styles of hair are left out. Of pictures that are equal within a style the first is taken.
 *
 * @example
 * const emoji = await datasets.EmojiStyles.load({ styles: ['emojione', 'fxemoji'], size: 32 });
 * const { train, test } = emoji.splitByStyle({ train: ['emojione'], test: ['fxemoji'] });
 * const loader = new DataLoader(new Subset(emoji, train), { batchSize: 64, shuffle: true });
 */
export class EmojiStyles implements Dataset<[image: Tensor, label: number]> {
  readonly styles: readonly string[];
  readonly size: number;
  readonly classes: readonly string[];
  readonly classToIdx: ReadonlyMap<string, number>;
  /** The emoji that there are, in Unicode's order. */
  readonly emoji: readonly Emoji[];
  readonly samples: readonly EmojiSample[];
  /** The label of each sample. */
  readonly targets: readonly number[];
  /** What each style has, and what was left out. */
  readonly report: readonly StyleReport[];
  readonly #pixels: readonly Uint8Array[];
  readonly #background: Colour;
  readonly #transform: Transform | undefined;

  /**
   * Reads the drawings from the cache, or draws them: some 20 seconds for all nine styles at 64 pixels.
   *
   * @throws DatasetError `ERR_DATASET_PACKAGE` where packages are missing, with the command that installs them
   */
  static async load(options: EmojiStylesOptions = {}): Promise<EmojiStyles> {
    checkPositions('EmojiStyles.load', arguments, 1);
    const read = readOptions(options);
    const wanted = [...new Set([...read.styles, ...read.inAll])];
    const sheets = await loadSheets(wanted, read.size, read.packages, read.cache);
    return new EmojiStyles(read, choose(sheets, read));
  }

  private constructor(
    options: ReturnType<typeof readOptions>,
    { samples, pixels, emoji, classes, report }: ReturnType<typeof choose>,
  ) {
    this.styles = [...options.styles];
    this.size = options.size;
    this.classes = classes;
    this.classToIdx = new Map(classes.map((name, label) => [name, label]));
    this.emoji = emoji;
    this.samples = samples;
    this.targets = samples.map(({ label }) => label);
    this.report = report;
    this.#pixels = pixels;
    this.#background = options.background;
    this.#transform = options.transform;
  }

  get length(): number {
    return this.samples.length;
  }

  /** A picture on the background, uint8 (3, size, size), through the transform, and its label. */
  get(index: number): [image: Tensor, label: number] {
    checkIndex(index, this.length, 'EmojiStyles');
    const batch = this.images([index], this.#background);
    const image = batch.squeeze(0);
    batch.dispose();
    const label = this.targets[index] as number;
    if (this.#transform === undefined) return [image, label];
    const prepared = this.#transform.forward(image);
    if (prepared !== image) image.dispose();
    return [prepared, label];
  }

  /** Pictures on a background, uint8 (N, 3, size, size). */
  images(indices: readonly number[], background: Colour = this.#background): Tensor {
    checkPositions('EmojiStyles.images', arguments, 2);
    checkColour('EmojiStyles.images background', background);
    const pictures = this.#pick(indices, 'EmojiStyles.images');
    const area = this.size ** 2;
    const result = new Uint8Array(pictures.length * 3 * area);
    for (const [i, picture] of pictures.entries()) layOn(background, picture, area, result, 3 * area * i);
    return fromOwnBytes(result, 'uint8', [pictures.length, 3, this.size, this.size]);
  }

  /** Pictures with alpha, uint8 (N, 4, size, size); colours are not multiplied by it. */
  pictures(indices: readonly number[]): Tensor {
    checkPositions('EmojiStyles.pictures', arguments, 1);
    const pictures = this.#pick(indices, 'EmojiStyles.pictures');
    const result = new Uint8Array(pictures.length * 4 * this.size ** 2);
    for (const [i, picture] of pictures.entries()) result.set(picture, i * picture.length);
    return fromOwnBytes(result, 'uint8', [pictures.length, 4, this.size, this.size]);
  }

  /** Indices of samples of certain styles and emoji, in order. */
  indices(filter: EmojiFilter = {}): number[] {
    checkPositions('EmojiStyles.indices', arguments, 1);
    checkOptions('EmojiStyles.indices', filter, ['styles', 'emoji']);
    const { styles = this.styles, emoji = this.emoji } = filter;
    checkStyles('EmojiStyles.indices styles', styles, 0);
    checkAmong('EmojiStyles.indices styles', styles, this.styles);
    const codes = new Set(checkEmoji('EmojiStyles.indices emoji', emoji).map((each) => each.codes));
    return this.samples.flatMap((sample, index) =>
      styles.includes(sample.style) && codes.has(sample.emoji.codes) ? [index] : [],
    );
  }

  /**
   * Samples of styles to train with and of styles never seen. Styles by the same hand (`noto` and `noto-v1`, `emojione` and
   * `emojione-v1`, `fluent-emoji` and `fluent-emoji-flat`) are refused on two sides; of these, `sharedGeometry` allows the
   * last pair, whose shapes are the same and whose shading is not. Test pictures that equal a training picture are left out.
   */
  splitByStyle(options: StyleSplitOptions): StyleSplit {
    checkPositions('EmojiStyles.splitByStyle', arguments, 1);
    checkSplit(options, this.styles);
    const { train: seen, test: unseen, sharedGeometry = false } = options;
    checkUnseen(seen, unseen, sharedGeometry);
    const train = this.indices({ styles: seen });
    const known = new Set(train.map((index) => this.samples[index]?.digest));
    const all = this.indices({ styles: unseen });
    const test = all.filter((index) => !known.has(this.samples[index]?.digest));
    return { train, test, identical: all.length - test.length };
  }

  #pick(indices: readonly number[], owner: string): Uint8Array[] {
    checkIterable(owner, 'an array of indices', indices);
    return Array.from(indices, (index) => {
      checkIndex(index, this.length, owner);
      return this.#pixels[index] as Uint8Array;
    });
  }
}

/** Lays one picture of four planes on a colour. */
function layOn(
  background: Colour,
  picture: Uint8Array,
  area: number,
  result: Uint8Array,
  offset: number,
): void {
  for (let channel = 0; channel < 3; channel++) {
    const behind = background[channel] as number;
    for (let i = 0; i < area; i++) {
      const alpha = picture[3 * area + i] as number;
      const colour = picture[channel * area + i] as number;
      result[offset + channel * area + i] = Math.round((colour * alpha + behind * (255 - alpha)) / 255);
    }
  }
}
