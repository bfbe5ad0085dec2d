import { packetOf } from '../../ops/call.ts';
import type { ParsedSchema } from '../../ops/index.ts';
import type { CudaArg, CudaCall, CudaPlan } from './plan.ts';

/** Ops that write to what an earlier call made, as lowering uses them. */
const IN_PLACE = new Set(['aten::add_.Tensor', 'aten::relu_', 'aten::sigmoid_']);
const DTYPES = new Set(['float32', 'float16', 'bfloat16']);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

function refuse(what: string): never {
  throw new RangeError(what);
}

function list(value: unknown, name: string): unknown[] {
  return Array.isArray(value) ? value : refuse(`${name} that are no list`);
}

const nameOf = ({ op, overload }: CudaCall): string => (overload === '' ? op : `${op}.${overload}`);

function schemaOf(call: CudaCall): ParsedSchema {
  const { op, overload } = call;
  const packet = typeof op === 'string' ? packetOf(op) : undefined;
  if (packet?.overloadNames.includes(overload) !== true) refuse(`unknown op ${nameOf(call)}`);
  return (packet as NonNullable<typeof packet>).overload(overload).schema;
}

/** One tensor as the result, and no writing but by the ops above. */
function checkOp(call: CudaCall): void {
  const name = nameOf(call);
  const schema = schemaOf(call);
  const returnsTensor = schema.returnShapes.length === 1 && schema.returnShapes[0]?.kind === 'Tensor';
  if (!returnsTensor) refuse(`${name} gives no tensor`);
  const writes = schema.parsed.some(({ alias }) => alias?.endsWith('!'));
  if (writes && !IN_PLACE.has(name)) refuse(`${name} writes to its arguments`);
  if (list(call.args, 'arguments').length > schema.parsed.length) refuse(`too many arguments for ${name}`);
}

function checkArg(arg: unknown, made: ReadonlySet<unknown>): asserts arg is CudaArg {
  if (!isObject(arg)) refuse('an argument of no kind');
  const values = 'value' in arg ? [arg.value] : 'values' in arg ? list(arg.values, 'values') : [];
  if (values.length === 0 && !('literal' in arg)) refuse('an argument of no kind');
  for (const value of values) if (!made.has(value)) refuse(`value ${value}, which nothing made before`);
}

function checkCall(call: CudaCall, made: Set<unknown>): void {
  if (!isObject(call) || typeof call.name !== 'string') refuse('a call without a name');
  checkOp(call);
  for (const arg of call.args) checkArg(arg, made);
  if (!list(call.shape, 'sizes').every(isCount)) refuse('sizes that are no numbers');
  if (!isCount(call.output) || made.has(call.output)) refuse(`value ${call.output} twice`);
  made.add(call.output);
}

/**
 * Checks what a file gave for a plan.
 *
 * @throws RangeError where it is none.
 */
export function checkCudaPlan(plan: CudaPlan): void {
  if (!DTYPES.has(plan.dtype)) refuse(`dtype ${plan.dtype}`);
  const inputs = list(plan.inputs, 'inputs') as CudaPlan['inputs'];
  for (const { channels, height, width } of inputs) {
    if (![channels, height, width].every((size) => isCount(size) && size > 0)) refuse('an input of no size');
  }
  const made = new Set<unknown>(inputs.keys());
  for (const call of list(plan.calls, 'calls')) checkCall(call as CudaCall, made);
  for (const output of list(plan.outputs, 'outputs')) {
    const known = isObject(output) && typeof output.name === 'string' && made.has(output.value);
    if (!known || (output.value as number) < inputs.length) refuse('an output that no call made');
  }
}
