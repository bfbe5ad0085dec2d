import type { Emoji } from '../emoji-styles/index.ts';

/** A class of things in scenes. */
export interface SceneClass {
  readonly name: string;
  /** Unicode's subgroups whose emoji are of it. */
  readonly subgroups: readonly string[];
  /** Height of the nearest things, as a share of the scene's. */
  readonly height: number;
}

/** Of what everything is that no drawing covers. */
export const GROUND = 'ground';

/** The classes of scenes after {@link GROUND}, which is 0. */
export const THINGS: readonly SceneClass[] = [
  { name: 'building', subgroups: ['place-building', 'place-religious'], height: 1 },
  { name: 'vehicle', subgroups: ['transport-ground', 'transport-water', 'transport-air'], height: 0.5 },
  { name: 'plant', subgroups: ['plant-flower', 'plant-other'], height: 0.6 },
  {
    name: 'animal',
    subgroups: [
      'animal-mammal',
      'animal-bird',
      'animal-amphibian',
      'animal-reptile',
      'animal-marine',
      'animal-bug',
    ],
    height: 0.4,
  },
  {
    name: 'person',
    subgroups: [
      'person',
      'person-gesture',
      'person-role',
      'person-fantasy',
      'person-activity',
      'person-sport',
      'person-resting',
      'family',
    ],
    height: 0.55,
  },
];

/** Names of the classes of scenes: the ground, then things by Unicode's subgroups. */
export const SCENE_CLASSES: readonly string[] = [GROUND, ...THINGS.map(({ name }) => name)];

// Of the subgroups: what is no vehicle, and what is no building but what one is built of, by code points.
const NO_THING = new Set([
  ...['1f6a5', '1f6a6', '1f6d1', '1f6a7', '26fd', '1f6a8', '1f68f', '1f6de', '1f6e3', '1f6e4', '1f6e2'],
  ...[
    '2693',
    '1f6df',
    '1f4ba',
    '1f9f1',
    '1faa8',
    '1fab5',
    '1fab6',
    '1fabd',
    '1f578',
    '1f9a0',
    '1f4ae',
    '1fab9',
    '1faba',
  ],
]);

/** The number of an emoji's class, or undefined for what is no thing of a scene. */
export function labelOf({ subgroup, codes }: Emoji): number | undefined {
  if (NO_THING.has(codes)) return undefined;
  const at = THINGS.findIndex(({ subgroups }) => subgroups.includes(subgroup));
  return at < 0 ? undefined : at + 1;
}
