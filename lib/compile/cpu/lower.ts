import type { Module } from '../../nn/index.ts';
import { checkOptions } from '../../options.ts';
import { Tensor } from '../../tensor/index.ts';
import { scaleChannels } from '../graph/affine.ts';
import { importGraph, type UnsupportedMode } from '../graph/from-trace.ts';
import type { Graph } from '../graph/graph.ts';
import { leaveToLibtorch } from '../passes/leave-to-libtorch.ts';
import {
  type BuildPlanOptions,
  checkChoice,
  checkPlanOptions,
  type PlanDType,
  sizesOf,
} from '../plan-options.ts';
import { addressOf } from '../trace/bindings.ts';
import { atOnce, inTurns, type Parts } from '../turns.ts';
import { passes } from './passes.ts';
import { layOut } from './places.ts';
import type { AtenStepArg, Plan } from './plan.ts';
import { planMemory } from './plan-memory.ts';
import { Recording } from './recording.ts';
import { StepWriter } from './step-writer.ts';

/**
 * Turns the evaluation forward of a network into a flat list of steps over one piece of memory. The network runs
 * on random inputs twice.
 *
 * @throws CompileError where the forward cannot be traced or has ops without a kernel, RangeError on wrong options.
 * @example
 * const plan = buildPlan(model.eval(), { inputs: [[1, 3, 224, 224]] });
 * console.log(explain(plan));
 */
export function buildPlan(model: Module, options: BuildPlanOptions): Plan {
  return atOnce(planParts(model, options));
}

/**
 * The same in parts, between which the event loop turns. The forward has run when this returns, if it must: what is read
 * later are weights alone, as they are then.
 */
export function buildRecorded(
  recording: Recording,
  options: BuildPlanOptions,
  finish: Finish = unchanged,
): Promise<Plan> {
  return inTurns(recordedParts(recording, options, finish));
}

/** What is done to a graph when all passes are. */
export type Finish = (graph: Graph) => Parts<void> | undefined;

const unchanged: Finish = () => undefined;

function* planParts(model: Module, options: BuildPlanOptions): Parts<Plan> {
  const recording = new Recording(model, options.inputs);
  try {
    return yield* recordedParts(recording, options, unchanged);
  } finally {
    recording.dispose();
  }
}

function* recordedParts(recording: Recording, options: BuildPlanOptions, finish: Finish): Parts<Plan> {
  checkOptions('compile', options, ['inputs', 'dtype', 'ownWeights', 'unsupported']);
  const { inputs, dtype = 'float32', ownWeights = true, unsupported = 'error' } = options;
  checkChoice('dtype', dtype, ['float32', 'bfloat16']);
  checkPlanOptions({ inputs, unsupported });
  const recorded = recording.trace();
  const { model } = recording;
  const shared = new Set([...model.parameters(), ...model.buffers()].map(addressOf));
  yield;
  const graph = importGraph(recorded, unsupported);
  yield;
  const plan = yield* lowerInParts(graph, dtype, unsupported, finish);
  copyLiterals(plan, shared);
  if (ownWeights) yield* copyWeights(plan, shared);
  return plan;
}

function own(tensor: Tensor, shared: ReadonlySet<unknown>): Tensor {
  const address = addressOf(tensor);
  return address !== undefined && shared.has(address) ? tensor.clone() : tensor;
}

/** Weights that no pass changed still share the network's memory; training it must not change the plan. */
function* copyWeights(plan: Plan, shared: ReadonlySet<unknown>): Parts<void> {
  for (const step of plan.steps) {
    if ('bias' in step && step.bias) step.bias = own(step.bias, shared);
    if (step.op !== 'conv' && step.op !== 'linear') continue;
    if (step.op === 'conv' && step.weightScale) {
      step.weight = scaleChannels(step.weight, step.weightScale);
      step.weightScale = null;
    }
    step.weight = own(step.weight, shared);
    yield;
  }
}

/** What libtorch's ops read is never packed: it is read at every run. */
function copyLiterals(plan: Plan, shared: ReadonlySet<unknown>): void {
  for (const step of plan.steps) {
    if (step.op !== 'aten') continue;
    for (const call of [step, ...(step.before ?? [])])
      call.args = call.args.map((arg) => ownLiteral(arg, shared));
  }
}

function ownLiteral(arg: AtenStepArg, shared: ReadonlySet<unknown>): AtenStepArg {
  if ('list' in arg) return { list: arg.list.map((item) => ownLiteral(item, shared)) };
  return 'literal' in arg && arg.literal instanceof Tensor ? { literal: own(arg.literal, shared) } : arg;
}

/** Runs the passes over a graph and writes its plan. */
export function lowerGraph(graph: Graph, dtype: PlanDType, unsupported: UnsupportedMode = 'error'): Plan {
  return atOnce(lowerInParts(graph, dtype, unsupported, unchanged));
}

function* lowerInParts(
  graph: Graph,
  dtype: PlanDType,
  unsupported: UnsupportedMode,
  finish: Finish,
): Parts<Plan> {
  for (const pass of passes) {
    pass(graph);
    yield;
  }
  leaveToLibtorch(graph, unsupported);
  const last = finish(graph);
  if (last !== undefined) yield* last;
  const writer = new StepWriter(layOut(graph));
  writer.write();
  const { steps, values } = writer;
  const plan = {
    dtype,
    inputs: graph.inputs.map(sizesOf),
    outputs: graph.outputs.map(({ name, node, sizes }) => ({
      name,
      value: values.of(node),
      ...(sizes === undefined ? {} : { sizes }),
    })),
    buffers: values.buffers,
    values: values.values,
    steps,
  };
  return { ...plan, arenaBytes: planMemory(plan) };
}
