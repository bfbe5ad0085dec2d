import { isTensor, ops, type Tensor, zeros } from '../../tensor/index.ts';
import { dualLevel, makeDual, unpackDual } from '../forward-ad.ts';
import { vmap } from '../vmap.ts';
import { backwardOf } from './analytical.ts';
import { GradcheckError } from './gradcheck-error.ts';
import { asTuple, isContinuous, type Problem, requiresGrad } from './problem.ts';

const BATCH = 2;

/** Compares one call for a batch with one for each of its items. */
function compare(
  fn: (item: Tensor) => Tensor[],
  like: Tensor,
  { kind, place }: { kind: string; place: (result: number) => string },
): void {
  const items = Array.from({ length: BATCH }, () => ops.aten.randn_like(like.detach()));
  const each = items.map(fn);
  const expected = (each[0] as Tensor[]).map((_, i) => ops.aten.stack(each.map((row) => row[i] as Tensor)));
  let found: Tensor[];
  try {
    found = vmap(fn, ops.aten.stack(items));
  } catch (error) {
    throw new GradcheckError(`While computing batched gradients${kind}, got: ${(error as Error).message}`, {
      cause: error,
    });
  }
  for (const [i, one] of found.entries()) {
    if (ops.aten.allclose(one, expected[i] as Tensor)) continue;
    throw new GradcheckError(
      `For ${place(i)}: batched gradients${kind} differ.\nGot:\n${one}\nExpected:\n${expected[i]}`,
    );
  }
}

const nothing = ({ dtype, device, shape }: Tensor): Tensor => zeros([], { dtype, device }).expand(shape);

/** @throws GradcheckError where backward cannot take a batch of gradients, or gives others for it. */
export function checkBatchedGrad(output: Tensor, inputs: readonly Tensor[], place: number): void {
  const vjp = (gradient: Tensor): Tensor[] =>
    backwardOf(output, inputs, gradient).map((found, i) => found ?? nothing(inputs[i] as Tensor));
  compare(vjp, output, { kind: '', place: (i) => `output ${place} and input ${i}` });
}

/** The same for tangents of each input, by forward mode. */
export function checkBatchedForwardGrad({ fn, inputs }: Problem): void {
  for (const [i, input] of inputs.entries()) {
    if (!requiresGrad(input)) continue;
    const jvp = (tangent: Tensor): Tensor[] =>
      dualLevel(() => {
        const duals = inputs.map((other, j) => {
          if (j === i) return makeDual(input.detach(), tangent);
          return isTensor(other) ? other.detach() : other;
        });
        return asTuple(fn(...duals))
          .filter(isContinuous)
          .map((output) => {
            const { primal, tangent: found } = unpackDual(output);
            return found ?? nothing(primal);
          });
      });
    compare(jvp, input, { kind: ' with forward-mode AD', place: (o) => `output ${o} and input ${i}` });
  }
}
