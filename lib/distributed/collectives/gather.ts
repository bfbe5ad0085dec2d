import { checkOptions, checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { checkInteger, checkTensor, checkTensors } from '../checks.ts';
import { groupRank } from '../init.ts';
import type { ProcessGroup } from '../process-group.ts';
import { type CollectiveOptions, groupFor, run } from './run.ts';

const OPTIONS = ['group', 'timeout'];

/** Writes each rank's tensor into its place of the list, on all ranks, as torch.distributed.all_gather. */
export async function allGather(
  tensorList: readonly Tensor[],
  tensor: Tensor,
  options: CollectiveOptions = {},
): Promise<void> {
  checkPositions('allGather', arguments, 3);
  checkOptions('allGather', options, OPTIONS);
  const group = groupFor('allGather', options);
  checkTensors('allGather tensorList', tensorList, group.size());
  checkTensor('allGather tensor', tensor);
  await run('all_gather', group, { outputs: [tensorList], inputs: [[tensor]] }, options);
}

/** The same into one tensor, of each rank's one behind another or stacked. */
export async function allGatherIntoTensor(
  output: Tensor,
  input: Tensor,
  options: CollectiveOptions = {},
): Promise<void> {
  checkPositions('allGatherIntoTensor', arguments, 3);
  checkOptions('allGatherIntoTensor', options, OPTIONS);
  checkTensor('allGatherIntoTensor output', output);
  checkTensor('allGatherIntoTensor input', input);
  const group = groupFor('allGatherIntoTensor', options);
  await run('all_gather_into_tensor', group, { outputs: [[output]], inputs: [[input]] }, options);
}

/** Options of {@link gather}. */
export interface GatherOptions extends CollectiveOptions {
  /** The rank of the default group that gets all. Default 0. */
  dst?: number;
}

/** Writes each rank's tensor into its place of the list on rank `dst`; other ranks give no list. */
export async function gather(
  tensor: Tensor,
  gatherList: readonly Tensor[] | null = null,
  options: GatherOptions = {},
): Promise<void> {
  checkPositions('gather', arguments, 3);
  checkOptions('gather', options, [...OPTIONS, 'dst']);
  checkTensor('gather tensor', tensor);
  const group = groupFor('gather', options);
  const number = groupRank('gather dst', group, options.dst ?? 0);
  const outputs = rootsList('gather gatherList', group, number, gatherList);
  await run('gather', group, { outputs, inputs: [[tensor]], number }, options);
}

/** Options of {@link scatter}. */
export interface ScatterOptions extends CollectiveOptions {
  /** The rank of the default group that gives all. Default 0. */
  src?: number;
}

/** Gives each rank its place of the list of rank `src`; other ranks give no list. */
export async function scatter(
  tensor: Tensor,
  scatterList: readonly Tensor[] | null = null,
  options: ScatterOptions = {},
): Promise<void> {
  checkPositions('scatter', arguments, 3);
  checkOptions('scatter', options, [...OPTIONS, 'src']);
  checkTensor('scatter tensor', tensor);
  const group = groupFor('scatter', options);
  const number = groupRank('scatter src', group, options.src ?? 0);
  const inputs = rootsList('scatter scatterList', group, number, scatterList);
  await run('scatter', group, { outputs: [[tensor]], inputs, number }, options);
}

/** The list of the root, which no other rank may give. */
function rootsList(
  owner: string,
  group: ProcessGroup,
  root: number,
  list: readonly Tensor[] | null,
): readonly (readonly Tensor[])[] {
  if (group.rank() === root) {
    checkTensors(owner, list, group.size());
    return [list];
  }
  if (list === null || list.length === 0) return [];
  throw new RangeError(`Expected null for ${owner} on other ranks than the root, got ${list.length} Tensors`);
}

/** Sends each rank its place of the input list, and gets what each has for this one, as torch.distributed.all_to_all. */
export async function allToAll(
  outputTensorList: readonly Tensor[],
  inputTensorList: readonly Tensor[],
  options: CollectiveOptions = {},
): Promise<void> {
  checkPositions('allToAll', arguments, 3);
  checkOptions('allToAll', options, OPTIONS);
  const group = groupFor('allToAll', options);
  checkTensors('allToAll outputTensorList', outputTensorList, group.size());
  checkTensors('allToAll inputTensorList', inputTensorList, group.size());
  await run('all_to_all', group, { outputs: [outputTensorList], inputs: [inputTensorList] }, options);
}

/** Options of {@link allToAllSingle}. */
export interface AllToAllSingleOptions extends CollectiveOptions {
  /** Rows from and for each rank. Default equal parts. */
  outputSplitSizes?: readonly number[];
  inputSplitSizes?: readonly number[];
}

/** The same for one tensor, cut along its first dimension. */
export async function allToAllSingle(
  output: Tensor,
  input: Tensor,
  options: AllToAllSingleOptions = {},
): Promise<void> {
  checkPositions('allToAllSingle', arguments, 3);
  checkOptions('allToAllSingle', options, [...OPTIONS, 'outputSplitSizes', 'inputSplitSizes']);
  checkTensor('allToAllSingle output', output);
  checkTensor('allToAllSingle input', input);
  const group = groupFor('allToAllSingle', options);
  const outputCounts = splits('outputSplitSizes', options.outputSplitSizes, group);
  const inputCounts = splits('inputSplitSizes', options.inputSplitSizes, group);
  const request = { outputs: [[output]], inputs: [[input]], outputCounts, inputCounts };
  await run('all_to_all_single', group, request, options);
}

function splits(name: string, sizes: readonly number[] | undefined, group: ProcessGroup): readonly number[] {
  if (sizes === undefined) return [];
  for (const size of sizes) checkInteger(`allToAllSingle ${name}`, size);
  if (sizes.length === group.size()) return sizes;
  throw new RangeError(`Expected ${group.size()} sizes for allToAllSingle ${name}, got ${sizes.length}`);
}
