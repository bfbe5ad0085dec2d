import { basename } from 'node:path';
import type { EvaluateOptions } from './evaluate.ts';

/** A network to evaluate: what the command line says of it. */
export interface Contestant {
  /** Unlike the others' names; also the beginning of its files' names. */
  readonly name: string;
  readonly model: string | undefined;
  /** Undefined: the published weights. */
  readonly checkpoint: string | undefined;
}

type Named = Pick<EvaluateOptions, 'model' | 'checkpoint' | 'pretrained'>;

/** Pairs models and checkpoints in their order; one model serves all checkpoints. @throws RangeError where that fails */
export function contestants({ model: models = [], checkpoint: files = [], pretrained }: Named): Contestant[] {
  if (pretrained && files.length > 0) {
    throw new RangeError('Expected --pretrained or --checkpoint, got both; leave one out');
  }
  if (pretrained) {
    if (models.length === 0)
      throw new RangeError('Expected --model beside --pretrained, got none; pass --model NAME');
    return distinct(models.map((model) => ({ name: model, model, checkpoint: undefined })));
  }
  if (files.length === 0) {
    throw new RangeError(
      'Expected --checkpoint FILE, or --pretrained for the published weights, got neither; a network needs weights',
    );
  }
  if (models.length > 1 && models.length !== files.length) {
    throw new RangeError(
      `Expected a --model for each of ${files.length} checkpoints, or one for all, got ${models.length}`,
    );
  }
  return distinct(
    files.map((checkpoint, index) => ({
      name: basename(checkpoint).replace(/(\.(pth|pt|tar|safetensors|bin))+$/, ''),
      model: models[models.length === 1 ? 0 : index],
      checkpoint,
    })),
  );
}

/** `exp/a/model_best.pth` and `exp/b/model_best.pth` become `model_best` and `model_best-2`. */
function distinct(all: readonly Contestant[]): Contestant[] {
  const counts = new Map<string, number>();
  return all.map((one) => {
    const count = (counts.get(one.name) ?? 0) + 1;
    counts.set(one.name, count);
    return count === 1 ? one : { ...one, name: `${one.name}-${count}` };
  });
}
