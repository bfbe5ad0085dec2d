import { arange, scope, type Tensor } from '../../tensor/index.ts';
import { isOwnCode } from '../../tensor/own-code.ts';
import { Compose } from '../transforms/containers.ts';
import { Normalize, ToDtype, ToTensor } from '../transforms/convert.ts';
import type { Step, Transform } from '../transforms/transform.ts';
import { type Drawn, type ImageSize, type PlannedStep, plannedStep } from './steps.ts';

/**
 * How a transform is divided: steps of place, which native code does while it decodes; steps that turn bytes into
 * values, which become a table; and the rest, which runs as operations.
 */
export interface ImagePlan {
  readonly steps: readonly PlannedStep[];
  /** What becomes of each byte of each of three channels. Null: bytes stay. */
  readonly values: Float32Array | null;
  /** The same as steps. */
  readonly pointwise: readonly Step[];
  readonly rest: readonly Step[];
}

const plans = new WeakMap<Transform, ImagePlan>();
const NOTHING: ImagePlan = { steps: [], values: null, pointwise: [], rest: [] };

/** The plan of a transform, made once. */
export function planOf(transform: Transform | undefined): ImagePlan {
  if (transform === undefined) return NOTHING;
  const known = plans.get(transform);
  if (known !== undefined) return known;
  const plan = makePlan(flatten(transform));
  plans.set(transform, plan);
  return plan;
}

/** Draws what the steps of place need for an image of this size. */
export function draw(plan: ImagePlan, size: ImageSize): Drawn[] {
  const drawn: Drawn[] = [];
  let current = size;
  for (const step of plan.steps) {
    const next = step(current);
    drawn.push(next);
    current = next.size;
  }
  return drawn;
}

function flatten(step: Step): Step[] {
  const isPlain = step.constructor === Compose && isOwnCode(step);
  return isPlain ? (step as Compose).transforms.flatMap(flatten) : [step];
}

function makePlan(all: readonly Step[]): ImagePlan {
  const steps: PlannedStep[] = [];
  for (const step of all) {
    const planned = plannedStep(step);
    if (planned === undefined) break;
    steps.push(planned);
  }
  const behind = all.slice(steps.length);
  const end = behind.findIndex((step) => !isPointwise(step));
  const pointwise = end < 0 ? behind : behind.slice(0, end);
  const values = valuesOf(pointwise);
  if (values === null) return { steps, values: null, pointwise: [], rest: behind };
  return { steps, values, pointwise, rest: behind.slice(pointwise.length) };
}

/** Whether each value of the result depends on one byte and its channel alone. */
function isPointwise(step: Step): boolean {
  if (!isOwnCode(step)) return false;
  return [ToTensor, ToDtype, Normalize].some((type) => step.constructor === type);
}

/** What the steps make of every byte in each channel; null where they do not end in float32, or refuse images. */
function valuesOf(steps: readonly Step[]): Float32Array | null {
  if (steps.length === 0) return null;
  return scope(() => {
    try {
      const bytes = arange(256, { dtype: 'uint8' }).view([1, 1, 256]).expand([3, 1, 256]);
      const made = steps.reduce<Tensor>((image, step) => (step as Transform).forward(image), bytes);
      const fits = made.dtype === 'float32' && made.shape.join() === '3,1,256' && !made.requiresGrad;
      return fits ? (made.data() as Float32Array) : null;
    } catch {
      return null; // as operations they tell each image's user why
    }
  });
}
