import { type Tensor, tensor } from '../../tensor/index.ts';
import type { Change } from './change.ts';
import { motionBlur, sizeOf, zoomed } from './filters.ts';
import { plasma } from './plasma.ts';

/** What falls, and how much of the image stays as it was. */
interface Snow {
  /** Normal noise, of which what is at least `threshold` is snow. */
  readonly mean: number;
  readonly deviation: number;
  readonly threshold: number;
  /** How large flakes are. */
  readonly zoom: number;
  /** How long their traces are. */
  readonly radius: number;
  readonly sigma: number;
  readonly share: number;
}

/** Snow falls, and the image turns pale. */
export function snowy({ mean, deviation, threshold, zoom, radius, sigma, share }: Snow): Change {
  return (x, draws) => {
    const noise = draws
      .normal([1, ...sizeOf(x)])
      .mul(deviation)
      .add(mean);
    const flakes = zoomed(noise, zoom);
    const kept = flakes.mul(flakes.ge(threshold)).clamp(0, 1);
    const fallen = motionBlur(kept, radius, sigma, draws.between(-135, -45));
    const pale = x.maximum(gray(x).mul(1.5).add(0.5));
    return x
      .mul(share)
      .add(pale.mul(1 - share))
      .add(fallen)
      .add(fallen.rot90(2, [1, 2]));
  };
}

function gray(x: Tensor): Tensor {
  if (x.shape[0] === 1) return x;
  const weights = tensor([0.299, 0.587, 0.114], { dtype: 'float32' }).view([-1, 1, 1]);
  return x.mul(weights).sum(0, { keepdim: true });
}

/** Clouds hang before the image, which grows dim so that its brightest point stays as bright. */
export function foggy(thickness: number, decay: number): Change {
  return (x, draws) => {
    const [height, width] = sizeOf(x);
    const side = 2 ** Math.ceil(Math.log2(Math.max(height, width)));
    const clouds = tensor(plasma(side, decay, draws))
      .view([side, side])
      .narrow(0, 0, height)
      .narrow(1, 0, width);
    const brightest = Number(x.max().item());
    return x.add(clouds.mul(thickness)).mul(brightest / (brightest + thickness));
  };
}

/** Raises the value of HSV: colours keep hue and saturation. */
export function brightened(by: number): Change {
  return (x) => {
    const value = x.amax([0], { keepdim: true });
    const raised = value.add(by).clamp(0, 1);
    return x.mul(raised.div(value)).where(value.gt(0), raised);
  };
}
