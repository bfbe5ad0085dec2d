import { adviseInFlags } from '../flag-advice.ts';
import { classCount, type LoadedModel, loadModel } from '../network/classifier-model.ts';
import { describeFile, type Recipe } from '../recipe.ts';

/** A classifier with its weights, and what its file says. */
export interface LoadedClassifier extends LoadedModel {
  readonly recipe: Recipe;
  /** How many classes it tells apart. */
  readonly count: number;
}

/** Builds the network of a file, and fills it. */
export function loadClassifier({
  checkpoint,
  model: name,
}: {
  readonly checkpoint: string;
  readonly model?: string | undefined;
}): LoadedClassifier {
  const described = describeFile(checkpoint);
  const count = classCount(described.shapes, checkpoint);
  try {
    const { model, channels } = loadModel(described, count, { checkpoint, model: name });
    return { recipe: described.recipe, count, model, channels };
  } catch (error) {
    adviseInFlags(error);
  }
}
