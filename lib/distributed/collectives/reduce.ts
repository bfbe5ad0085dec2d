import { checkOptions, checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { checkTensor, checkTensors } from '../checks.ts';
import { groupRank } from '../init.ts';
import { type CollectiveOptions, groupFor, type ReduceOptions, run } from './run.ts';

/**
 * Puts the tensors of all ranks together, in place on each, as torch.distributed.all_reduce.
 *
 * @example await distributed.allReduce(loss, { op: distributed.ReduceOp.MAX });
 */
export async function allReduce(tensor: Tensor, options: ReduceOptions = {}): Promise<void> {
  checkPositions('allReduce', arguments, 2);
  checkOptions('allReduce', options, ['op', 'group', 'timeout']);
  checkTensor('allReduce tensor', tensor);
  const group = groupFor('allReduce', options);
  await run('all_reduce', group, { inputs: [[tensor]], op: options.op }, options);
}

/** Puts the tensors of all ranks together, in place on rank `dst` of the default group; others' hold nothing of use then. */
export async function reduce(tensor: Tensor, dst: number, options: ReduceOptions = {}): Promise<void> {
  checkPositions('reduce', arguments, 3);
  checkOptions('reduce', options, ['op', 'group', 'timeout']);
  checkTensor('reduce tensor', tensor);
  const group = groupFor('reduce', options);
  const number = groupRank('reduce dst', group, dst);
  await run('reduce', group, { inputs: [[tensor]], op: options.op, number }, options);
}

/** Writes the tensor of rank `src` of the default group into those of all others. */
export async function broadcast(tensor: Tensor, src: number, options: CollectiveOptions = {}): Promise<void> {
  checkPositions('broadcast', arguments, 3);
  checkOptions('broadcast', options, ['group', 'timeout']);
  checkTensor('broadcast tensor', tensor);
  const group = groupFor('broadcast', options);
  const number = groupRank('broadcast src', group, src);
  await run('broadcast', group, { inputs: [[tensor]], number }, options);
}

/** Puts the lists of all ranks together place by place; each rank gets that of its own place in `output`. */
export async function reduceScatter(
  output: Tensor,
  inputList: readonly Tensor[],
  options: ReduceOptions = {},
): Promise<void> {
  checkPositions('reduceScatter', arguments, 3);
  checkOptions('reduceScatter', options, ['op', 'group', 'timeout']);
  checkTensor('reduceScatter output', output);
  const group = groupFor('reduceScatter', options);
  checkTensors('reduceScatter inputList', inputList, group.size());
  await run('reduce_scatter', group, { outputs: [[output]], inputs: [inputList], op: options.op }, options);
}

/** The same for one tensor, whose first dimension is cut into a part for each rank. */
export async function reduceScatterTensor(
  output: Tensor,
  input: Tensor,
  options: ReduceOptions = {},
): Promise<void> {
  checkPositions('reduceScatterTensor', arguments, 3);
  checkOptions('reduceScatterTensor', options, ['op', 'group', 'timeout']);
  checkTensor('reduceScatterTensor output', output);
  checkTensor('reduceScatterTensor input', input);
  const group = groupFor('reduceScatterTensor', options);
  const request = { outputs: [[output]], inputs: [[input]], op: options.op };
  await run('reduce_scatter_tensor', group, request, options);
}
