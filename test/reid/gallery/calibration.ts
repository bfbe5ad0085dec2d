import type { CalibrationData } from '../../../lib/reid/index.ts';
import { ops, randn, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts';

/** How people and cameras differ. */
export interface World {
  people: number;
  cameras: number;
  /** Deviation of what a camera adds to all its images. */
  effect: number;
}

const WIDTH = 32;

const int64 = (values: readonly number[]) => tensor([...values], { dtype: 'int64' });

/** Everybody seen once by every camera. `spread` is how much each number of a feature differs between people. */
export function imagesOf(
  { people, cameras, effect }: World,
  spread: Tensor,
): CalibrationData & { features: Tensor } {
  const ids = Array.from({ length: people * cameras }, (_, image) => Math.floor(image / cameras));
  const by = ids.map((_, image) => image % cameras);
  const features = scope(() => {
    const [own, shifts] = [randn([people, WIDTH]).mul(spread), randn([cameras, WIDTH]).mul(effect)];
    const noise = randn([ids.length, WIDTH]).mul(0.6);
    return own
      .indexSelect(0, int64(ids))
      .add(shifts.indexSelect(0, int64(by)))
      .add(noise);
  });
  return { features, ids, cameras: by };
}

export const drawSpread = (): Tensor => scope(() => randn([WIDTH]).abs().add(0.3));

/** The share of pairs of two people and two cameras whose cosine reaches the threshold. */
export function falseMatchRate(
  { features, ids, cameras }: ReturnType<typeof imagesOf>,
  threshold: number,
): number {
  return scope(() => {
    const unit = ops.aten.div(features, features.norm(2, 1, true));
    const [id, camera] = [int64(ids as number[]), int64(cameras as number[])];
    const differs = (labels: Tensor) => labels.unsqueeze(0).ne(labels.unsqueeze(1));
    const counts = differs(id).logicalAnd(differs(camera)).to('float64');
    const matches = unit.matmul(unit.t()).ge(threshold).to('float64').mul(counts);
    return (matches.sum().item() as number) / (counts.sum().item() as number);
  });
}
