import type { Module } from '../../nn/index.ts';
import { checkOptions } from '../../options.ts';
import { noGrad, scope, Tensor } from '../../tensor/index.ts';
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
import { withTrace } from '../trace/trace.ts';
import { passes } from './passes.ts';
import { layOut } from './places.ts';
import type { AtenStepArg, Plan } from './plan.ts';
import { planMemory } from './plan-memory.ts';
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
  checkOptions('compile', options, ['inputs', 'dtype', 'ownWeights', 'unsupported']);
  const { inputs, dtype = 'float32', ownWeights = true, unsupported = 'error' } = options;
  checkChoice('dtype', dtype, ['float32', 'bfloat16']);
  checkPlanOptions({ inputs, unsupported });
  return scope(() =>
    noGrad(() => {
      const plan = withTrace(model, inputs, (trace) =>
        lowerGraph(importGraph(trace, unsupported), dtype, unsupported),
      );
      const shared = new Set([...model.parameters(), ...model.buffers()].map(addressOf));
      copyLiterals(plan, shared);
      if (ownWeights) copyWeights(plan, shared);
      return plan;
    }),
  );
}

const own = (tensor: Tensor, shared: ReadonlySet<bigint>): Tensor =>
  shared.has(addressOf(tensor)) ? tensor.clone() : tensor;

/** Weights that no pass changed still share the network's memory; training it must not change the plan. */
function copyWeights(plan: Plan, shared: ReadonlySet<bigint>): void {
  for (const step of plan.steps) {
    if (step.op !== 'conv' && step.op !== 'linear') continue;
    if (step.op === 'conv' && step.weightScale) {
      step.weight = scaleChannels(step.weight, step.weightScale);
      step.weightScale = null;
    }
    step.weight = own(step.weight, shared);
    if (step.bias !== null) step.bias = own(step.bias, shared);
  }
}

/** What libtorch's ops read is never packed: it is read at every run. */
function copyLiterals(plan: Plan, shared: ReadonlySet<bigint>): void {
  for (const step of plan.steps) {
    if (step.op !== 'aten') continue;
    for (const call of [step, ...(step.before ?? [])])
      call.args = call.args.map((arg) => ownLiteral(arg, shared));
  }
}

function ownLiteral(arg: AtenStepArg, shared: ReadonlySet<bigint>): AtenStepArg {
  if ('list' in arg) return { list: arg.list.map((item) => ownLiteral(item, shared)) };
  return 'literal' in arg && arg.literal instanceof Tensor ? { literal: own(arg.literal, shared) } : arg;
}

function addressOf(tensor: Tensor): bigint {
  const storage = tensor.untypedStorage();
  const address = storage.dataPtr();
  storage.dispose();
  return address;
}

/** Runs the passes over a graph and writes its plan. */
export function lowerGraph(graph: Graph, dtype: PlanDType, unsupported: UnsupportedMode = 'error'): Plan {
  for (const pass of passes) pass(graph);
  leaveToLibtorch(graph, unsupported);
  const writer = new StepWriter(layOut(graph));
  writer.write();
  const { steps, values } = writer;
  const plan = {
    dtype,
    inputs: graph.inputs.map(sizesOf),
    outputs: graph.outputs.map(({ name, node }) => ({ name, value: values.of(node) })),
    buffers: values.buffers,
    values: values.values,
    steps,
  };
  return { ...plan, arenaBytes: planMemory(plan) };
}
