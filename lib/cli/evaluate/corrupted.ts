import { createHash } from 'node:crypto';
import { corruptions } from '../../data/index.ts';
import { suggestion } from '../../options.ts';
import { Generator, type Tensor } from '../../tensor/index.ts';
import type { Preparation } from '../network/preparation.ts';
import { batchOf, type Condition, type NumberedImage } from './conditions.ts';

const { CORRUPTIONS, corrupt } = corruptions;
const SEVERITIES = [1, 2, 3, 4, 5] as const;

/** The images under one corruption. */
export interface Corrupted extends Condition {
  readonly corruption: corruptions.Corruption;
  readonly severity: number;
}

/**
 * Each kind at each severity: all of them, or those of a list with commas. What is drawn depends on the seed, the
 * image's number, kind and severity alone, so that every network sees the same images.
 *
 * @throws RangeError for an unknown kind
 */
export function corruptedConditions(kinds: string | true, seed: number): Corrupted[] {
  const generator = new Generator();
  return namesOf(kinds).flatMap((corruption) =>
    SEVERITIES.map((severity) => {
      const name = `${corruption} ${severity}`;
      const spoil = ({ shaped, number }: NumberedImage): Promise<Tensor> => {
        generator.manualSeed(seedOf(`${seed} ${number} ${name}`));
        return corrupt(shaped, corruption, severity, { generator });
      };
      return { name, corruption, severity, inputs: inputsBy(spoil) };
    }),
  );
}

function inputsBy(spoil: (image: NumberedImage) => Promise<Tensor>): Condition['inputs'] {
  return async (images: readonly NumberedImage[], preparation: Preparation) => {
    const spoilt: Tensor[] = [];
    for (const image of images) spoilt.push(await spoil(image));
    const batch = batchOf(spoilt, preparation);
    for (const image of spoilt) image.dispose();
    return batch;
  };
}

// The generator looks at 32 bits of a seed: all that it depends on must be in them.
const seedOf = (text: string) => createHash('sha256').update(text).digest().readUInt32LE();

function namesOf(kinds: string | true): readonly corruptions.Corruption[] {
  if (kinds === true) return CORRUPTIONS;
  const names = [...new Set(kinds.split(',').map((name) => name.trim()))];
  for (const name of names) {
    if ((CORRUPTIONS as readonly string[]).includes(name)) continue;
    const hint = suggestion(name, CORRUPTIONS, 'corruptions');
    throw new RangeError(`Expected names of corruptions behind --corruptions, got "${name}"${hint}`);
  }
  return names as corruptions.Corruption[];
}
