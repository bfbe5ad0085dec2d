/** One guess of a network. */
export interface ClassPrediction {
  readonly class: string;
  readonly index: number;
  readonly probability: number;
}

/** The `top` most probable classes by the softmax of logits; equal ones by their index. */
export function topClasses(logits: Float32Array, classes: readonly string[], top: number): ClassPrediction[] {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  return bestIndices(logits, top).map((index) => ({
    class: classes[index] ?? String(index),
    index,
    probability: Math.exp((logits[index] as number) - most) / sum,
  }));
}

function bestIndices(values: Float32Array, count: number): number[] {
  const indices = Array.from(values.keys());
  return indices.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b).slice(0, count);
}
