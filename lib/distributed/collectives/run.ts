import { unwrap } from '../../ops/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { checkTimeout } from '../checks.ts';
import { type CollectiveRequest, native } from '../native.ts';
import type { ProcessGroup } from '../process-group.ts';
import { checkReduceOp, ReduceOp } from '../reduce-op.ts';
import { groupOr } from '../world.ts';

/** Options of collectives. */
export interface CollectiveOptions {
  /** Default the group of all processes. */
  group?: ProcessGroup;
  /** Milliseconds. Default the group's. */
  timeout?: number;
}

/** Options of collectives that reduce. */
export interface ReduceOptions extends CollectiveOptions {
  /** Default `ReduceOp.SUM`. */
  op?: ReduceOp;
}

/** What a collective is about, lists of tensors where c10d takes them. */
export interface Request {
  readonly outputs?: readonly (readonly Tensor[])[];
  readonly inputs?: readonly (readonly Tensor[])[];
  readonly op?: ReduceOp | undefined;
  /** A root or peer, as a rank of the group. */
  readonly number?: number;
  readonly tag?: number;
  readonly outputCounts?: readonly number[];
  readonly inputCounts?: readonly number[];
}

/** Begins a collective at once; the promise is settled when this rank's part is done. `isPart`: of `exclusively`. */
export async function run(
  name: string,
  group: ProcessGroup,
  request: Request,
  options: CollectiveOptions,
  isPart = false,
): Promise<number | undefined> {
  if (!isPart) group.checkFree(name);
  return await native.collective(...requestOf(name, group, request, options));
}

/** The same, waiting on this thread. */
export function runNow(name: string, group: ProcessGroup, request: Request): void {
  group.checkFree(name);
  native.collectiveNow(...requestOf(name, group, request, {}));
}

function requestOf(
  name: string,
  group: ProcessGroup,
  request: Request,
  { timeout }: CollectiveOptions,
): CollectiveRequest {
  const { outputs = [], inputs = [], op = ReduceOp.SUM, number = 0, tag = 0 } = request;
  return [
    group.handle,
    name,
    outputs.map((list) => list.map(unwrap)),
    inputs.map((list) => list.map(unwrap)),
    [op, number, tag],
    request.outputCounts ?? [],
    request.inputCounts ?? [],
    timeout ?? group.timeout,
  ];
}

/** The group of the options, which are checked. */
export function groupFor(owner: string, options: ReduceOptions): ProcessGroup {
  if (options.timeout !== undefined) checkTimeout(`${owner} timeout`, options.timeout);
  if (options.op !== undefined) checkReduceOp(`${owner} op`, options.op);
  return groupOr(owner, options.group);
}
