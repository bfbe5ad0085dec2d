import { setImmediate } from 'node:timers/promises';
import { noGrad, scope } from '../tensor/index.ts';
import { ScopeInParts } from '../tensor/scope.ts';

/** Work that may pause wherever it yields, and gives its result at the end. */
export type Parts<T> = Generator<undefined, T, undefined>;

/** Waits until the event loop has turned: timers, answers and requests come before what follows. */
export async function turn(): Promise<void> {
  await setImmediate();
}

/** Does all of it now, without gradients; tensors that are not in the result are freed. */
export function atOnce<T>(parts: Parts<T>): T {
  return scope(() =>
    noGrad(() => {
      let step = parts.next();
      while (step.done !== true) step = parts.next();
      return step.value;
    }),
  );
}

/** The same with turns of the event loop between the parts. The first is done before this returns. */
export async function inTurns<T>(parts: Parts<T>): Promise<T> {
  const made = new ScopeInParts();
  let result: T | undefined;
  try {
    const next = () => made.run(() => noGrad(() => parts.next()));
    let step = next();
    while (step.done !== true) {
      await turn();
      step = next();
    }
    result = step.value;
    return result;
  } finally {
    made.end(result);
  }
}
