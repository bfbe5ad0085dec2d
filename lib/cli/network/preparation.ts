import { transforms } from '../../data/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import type { InputRecipe } from '../recipe.ts';

/** What the command line says of images. */
export interface PreparationOptions {
  readonly resize?: number | undefined;
  readonly crop?: number | undefined;
}

/** How a network's images are prepared: what the command line says, or the checkpoint, or the published script. */
export class Preparation {
  readonly resize: number;
  readonly crop: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly channels: number;
  /** Makes a decoded image, uint8 (3, H, W), uint8 (C, crop, crop). */
  readonly shaping: transforms.Compose;
  readonly #normalised: transforms.Compose;
  /** Both: a decoded image as the network takes it. */
  readonly whole: transforms.Compose;

  constructor(saved: Partial<InputRecipe>, options: PreparationOptions, channels: number) {
    this.resize = options.resize ?? saved.resize ?? 256;
    this.crop = options.crop ?? saved.crop ?? 224;
    this.mean = saved.mean ?? transforms.IMAGENET_MEAN;
    this.std = saved.std ?? transforms.IMAGENET_STD;
    this.channels = channels;
    this.shaping = new transforms.Compose([
      ...(channels === 1 ? [new transforms.Grayscale(1)] : []),
      new transforms.Resize(this.resize),
      new transforms.CenterCrop(this.crop),
    ]);
    this.#normalised = new transforms.Compose([
      new transforms.ToTensor(),
      new transforms.Normalize(this.mean, this.std),
    ]);
    this.whole = new transforms.Compose([this.shaping, this.#normalised]);
  }

  /** A decoded image, uint8 (3, H, W), as the network takes it: float32 (C, crop, crop). */
  forward(image: Tensor): Tensor {
    const shaped = this.shape(image);
    const input = this.normalise(shaped);
    if (shaped !== image) shaped.dispose();
    return input;
  }

  /** A decoded image in its final size, uint8 (C, crop, crop). */
  shape(image: Tensor): Tensor {
    return this.shaping.forward(image);
  }

  /** What {@link shape} gave, as the network takes it. */
  normalise(shaped: Tensor): Tensor {
    return this.#normalised.forward(shaped);
  }
}
