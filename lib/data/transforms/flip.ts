import { checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { RandomApplied } from './draw.ts';
import { horizontalFlip, verticalFlip } from './functional/geometry.ts';

/** Mirrors (..., C, H, W) left to right with probability `p`, default 0.5. Draws as torchvision does. */
export class RandomHorizontalFlip extends RandomApplied {
  constructor(p = 0.5) {
    checkPositions('RandomHorizontalFlip', arguments, 1);
    super(p);
  }

  protected change(image: Tensor): Tensor {
    return horizontalFlip(image);
  }

  protected override changeMask(mask: Tensor): Tensor {
    return horizontalFlip(mask);
  }
}

/** Mirrors (..., C, H, W) upside down with probability `p`, default 0.5. Draws as torchvision does. */
export class RandomVerticalFlip extends RandomApplied {
  constructor(p = 0.5) {
    checkPositions('RandomVerticalFlip', arguments, 1);
    super(p);
  }

  protected change(image: Tensor): Tensor {
    return verticalFlip(image);
  }

  protected override changeMask(mask: Tensor): Tensor {
    return verticalFlip(mask);
  }
}
