import { THINGS } from './classes.ts';
import type { Look } from './options.ts';
import { SceneRandom } from './random.ts';

/** A drawing's place in a scene. */
export interface Thing {
  /** Which of the drawings of its class. */
  readonly drawing: number;
  readonly label: number;
  /** Where its middle and its foot are, as shares of the width and the height. */
  readonly x: number;
  readonly base: number;
  /** As a share of the scene's. */
  readonly height: number;
  readonly isMirrored: boolean;
}

/** What a scene stands on: a part of a photograph, or two colours that meet at the horizon. */
export type GroundPlan =
  | { readonly photograph: number; readonly zoom: number; readonly x: number; readonly y: number }
  | { readonly sky: readonly number[]; readonly earth: readonly number[] };

/** A scene before it is painted; the last thing is the nearest. */
export interface ScenePlan {
  readonly ground: GroundPlan;
  readonly horizon: number;
  readonly things: readonly Thing[];
  /** Shadows: how far they lean for their length, their length for the thing's height, and how dark they are. */
  readonly shadow: { readonly lean: number; readonly length: number; readonly strength: number };
}

/** How far the smallest, those on the horizon, are from the nearest in size. */
const FAR = 0.3;

/**
 * Draws what is where in a scene, from its key alone: another number of scenes changes none.
 *
 * @param counts how many drawings there are of each class, `THINGS` in order
 */
export function planScene(
  key: string,
  look: Look,
  photographs: number,
  counts: readonly number[],
): ScenePlan {
  const random = new SceneRandom(key);
  const isPlain = random.next() < look.plain;
  const ground = isPlain
    ? { sky: colour(random), earth: colour(random) }
    : { photograph: random.index(photographs), zoom: random.next(), x: random.next(), y: random.next() };
  const horizon = random.between(0.3, 0.55);
  const count = look.least + random.index(look.most - look.least + 1);
  const things = Array.from({ length: count }, () => planThing(random, horizon, counts));
  things.sort((a, b) => a.base - b.base);
  const shadow = {
    lean: random.between(-1, 1),
    length: random.between(0.15, 0.4),
    strength: random.between(0.25, 0.6),
  };
  return { ground, horizon, things, shadow };
}

function planThing(random: SceneRandom, horizon: number, counts: readonly number[]): Thing {
  const present = counts.flatMap((count, at) => (count > 0 ? [at] : []));
  const at = present[random.index(present.length)] as number;
  const nearness = random.next();
  const size = (THINGS[at]?.height ?? 0) * (FAR + (1 - FAR) * nearness) * random.between(0.8, 1.2);
  return {
    drawing: random.index(counts[at] as number),
    label: at + 1,
    x: random.next(),
    base: horizon + (1.04 - horizon) * nearness,
    height: Math.min(1, size),
    isMirrored: random.next() < 0.5,
  };
}

const colour = (random: SceneRandom) => Array.from({ length: 3 }, () => Math.round(random.between(30, 235)));
