import { invoke, packetOf } from '../../ops/call.ts';
import { isTensor, type Tensor } from '../../tensor/index.ts';
import type { CudaArg, CudaCall, CudaPlan, CudaValue } from './plan.ts';

/** Does a call, given its arguments in schema order. */
export type CallRunner = (call: CudaCall, args: unknown[], index: number) => Tensor;

type Packet = NonNullable<ReturnType<typeof packetOf>>;

/** Does a call with the op that it names. */
export const runCall: CallRunner = (call, args) =>
  invoke((packetOf(call.op) as Packet).overload(call.overload), args) as Tensor;

const valuesIn = (arg: CudaArg): CudaValue[] =>
  'value' in arg ? [arg.value] : 'values' in arg ? arg.values : [];

/** For each call, the values that nothing reads after it. */
function lastReads({ calls, outputs, inputs }: CudaPlan): CudaValue[][] {
  const kept = new Set([...outputs.map(({ value }) => value), ...inputs.keys()]);
  const dying: CudaValue[][] = calls.map(() => []);
  for (let i = calls.length - 1; i >= 0; i--) {
    const { args, output } = calls[i] as CudaCall;
    for (const value of [output, ...args.flatMap(valuesIn)]) {
      if (kept.has(value)) continue;
      kept.add(value);
      dying[i]?.push(value);
    }
  }
  return dying;
}

/** Does a plan's calls one after the other, and frees each value after its last use. */
export class Program {
  readonly plan: CudaPlan;
  readonly #dying: readonly CudaValue[][];

  constructor(plan: CudaPlan) {
    this.plan = plan;
    this.#dying = lastReads(plan);
  }

  /**
   * The outputs for inputs of the plan's dtype. Call it in a `scope`, which frees what is left when a call throws.
   *
   * @param run Does each call. Default: the op that it names.
   */
  run(inputs: readonly Tensor[], run: CallRunner = runCall): Tensor[] {
    const values: (Tensor | undefined)[] = [...inputs];
    for (const [index, call] of this.plan.calls.entries()) {
      const made = run(call, readArgs(call, values), index);
      values[call.output] = made;
      for (const value of this.#dying[index] as CudaValue[]) free(values, value, made, call);
    }
    return this.plan.outputs.map(({ value }) => values[value] as Tensor);
  }
}

function readArgs(call: CudaCall, values: readonly (Tensor | undefined)[]): unknown[] {
  return call.args.map((arg) => {
    if ('value' in arg) return values[arg.value];
    return 'values' in arg ? arg.values.map((value) => values[value]) : arg.literal;
  });
}

/** In-place ops give the object that they were given, which goes on under its new number. */
function free(values: (Tensor | undefined)[], value: CudaValue, made: Tensor, call: CudaCall): void {
  const tensor = values[value];
  values[value] = undefined;
  if (isTensor(tensor) && (tensor !== made || value === call.output)) tensor.dispose();
}
