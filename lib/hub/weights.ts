import { publishedWeights, RELEASE_URL } from '../models/index.ts';

/** Models that have published weights. */
export function pretrainedModels(): string[] {
  return Object.keys(publishedWeights);
}

/** The published file of a model, or undefined where none was published. */
export function weightsFile(model: string): string | undefined {
  return Object.hasOwn(publishedWeights, model) ? publishedWeights[model]?.file : undefined;
}

/** The address of a published file. `IBN_NET_CHECKPOINT_BASE_URL` names a mirror. */
export function weightsUrl(file: string): string {
  const base = process.env.IBN_NET_CHECKPOINT_BASE_URL ?? RELEASE_URL;
  return new URL(file, base.endsWith('/') ? base : `${base}/`).href;
}
