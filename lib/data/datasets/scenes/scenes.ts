import { checkPositions } from '../../../options.ts';
import { scope, type Tensor } from '../../../tensor/index.ts';
import { DatasetError } from '../../errors.ts';
import { checkIndex, type Dataset } from '../dataset.ts';
import { SCENE_CLASSES } from './classes.ts';
import { readOptions, type ScenesOptions } from './options.ts';
import { ScenePainter } from './painter.ts';
import { findPhotographs, type Photograph } from './photographs.ts';

/**
 * Scenes for segmentation with exact labels: buildings, vehicles, plants, animals and people as one icon set draws them, on
 * parts of photographs or plain grounds, larger towards the front, before and behind each other, with shadows. Each pixel's
 * class is that of the nearest drawing whose alpha covers half of it; everything else is ground, whatever a photograph shows.
 *
 * A scene depends on seed, style, photographs and its number, never on how many there are or on the processor. Drawings
 * come from packages, as `EmojiStyles` tells, and depend on their versions and that of sharp.
 *
 * @example
 * const photographs = ['photo.jpg'];
 * const scenes = await datasets.Scenes.load({ style: 'emojione', photographs, size: [64, 96], length: 10 });
 * const [image, mask] = scenes.get(0); // uint8 (3, 64, 96), int64 (64, 96)
 */
export class Scenes implements Dataset<[image: Tensor, mask: Tensor]> {
  readonly classes: readonly string[] = SCENE_CLASSES;
  readonly style: string;
  readonly length: number;
  readonly photographs: readonly Photograph[];
  readonly #painter: ScenePainter;

  /**
   * Reads photographs, and the drawings from the cache, or draws them.
   *
   * @throws DatasetError `ERR_DATASET_PACKAGE` where packages are missing, `ERR_DATASET_EMPTY` without photographs,
   *   `ERR_DATASET_SIZE` for one that is smaller than a scene
   */
  static async load(options: ScenesOptions): Promise<Scenes> {
    checkPositions('Scenes.load', arguments, 1);
    const { style, photographs, length, look } = readOptions(options);
    const found = findPhotographs(photographs);
    if (found.length === 0 && look.plain < 1)
      throw new DatasetError('Expected photographs for Scenes, got none; name some, or pass { plain: 1 }', {
        code: 'ERR_DATASET_EMPTY',
        path: String(photographs),
      });
    return new Scenes(await ScenePainter.load(style, found, look), length);
  }

  private constructor(painter: ScenePainter, length: number) {
    this.style = painter.style;
    this.length = length;
    this.photographs = painter.photographs;
    this.#painter = painter;
  }

  /** A scene, uint8 (3, height, width), and the class of each of its pixels, int64 (height, width). */
  get(index: number): [image: Tensor, mask: Tensor] {
    checkIndex(index, this.length, 'Scenes');
    return scope(() => {
      const { image, mask } = this.#painter.paint(index);
      return [image, mask.to('int64')];
    });
  }
}
