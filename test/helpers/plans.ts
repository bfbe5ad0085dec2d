import { expect } from 'vitest';
import { lowerGraph } from '../../lib/compile/cpu/lower.ts';
import type { Plan } from '../../lib/compile/cpu/plan.ts';
import { importGraph } from '../../lib/compile/graph/from-trace.ts';
import {
  type Graph,
  type Node,
  type Norm,
  type Pass,
  type Prologue,
  sorted,
} from '../../lib/compile/graph/graph.ts';
import { withTrace } from '../../lib/compile/trace/trace.ts';
import * as nn from '../../lib/nn/index.ts';
import { manualSeed, noGrad, randn, scope, type Tensor } from '../../lib/tensor/index.ts';
import { faults, interpret } from './plan-interpreter.ts';

/** Gives norms parameters and running statistics that are not their start, and sets evaluation mode. */
export function prepared<M extends nn.Module>(model: M, seed = 0): M {
  manualSeed(seed);
  noGrad(() => {
    for (const module of model.modules()) {
      if (!(module instanceof nn.BatchNorm2d || module instanceof nn.InstanceNorm2d)) continue;
      module.weight?.uniform_(0.5, 1.5);
      module.bias?.uniform_(-0.5, 0.5);
      module.running_mean?.normal_(0, 0.2);
      module.running_var?.uniform_(0.5, 2);
    }
  });
  return model.eval();
}

/** Frees what a model holds, without waiting for the garbage collector. */
export function disposeModel(model: nn.Module): void {
  for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
}

/** The largest difference over the largest magnitude of what is wanted. */
export function relativeError(got: Tensor, want: Tensor): number {
  return scope(() => (got.sub(want).abs().max().item() as number) / (want.abs().max().item() as number));
}

type Outputs = Record<string, Tensor>;

/** Fails unless a plan gives what the model gives, for 1 and for 3 images. */
export function expectAgreement(model: nn.Module, plan: Plan, size = 64, tolerance = 1e-5): void {
  expect(faults(plan)).toEqual([]);
  scope(() => {
    const [{ channels } = { channels: 3 }] = plan.inputs;
    const x = randn([3, channels, size, size]);
    const result = noGrad(() => model.forward(x)) as Tensor | Outputs;
    const wanted = (plan.outputs.length === 1 && 'numel' in result ? { output: result } : result) as Outputs;
    for (const images of [x, x.narrow(0, 1, 1)]) {
      const found = interpret(plan, images);
      for (const [name, want] of Object.entries(wanted)) {
        const rows = images === x ? want : want.narrow(0, 1, 1);
        const got = found[name] as Tensor;
        expect(got.shape, name).toEqual(rows.shape);
        expect(relativeError(got, rows), name).toBeLessThan(tolerance);
      }
    }
  });
}

/** How many steps of each kind a plan has. */
export function countSteps(plan: Plan): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { op } of plan.steps) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}

function normText({ parts }: Norm): string {
  const text = parts.map((part) => {
    const kind = part.kind === 'instance' ? 'IN' : part.affine === null ? 'same' : 'BN';
    return `${kind} ${part.channels}`;
  });
  return `[${text.join(', ')}]`;
}

function prologueText(prologue: Prologue): string {
  return `pre${prologue.norm === null ? '' : normText(prologue.norm)}${prologue.relu ? ' relu' : ''}`;
}

function nodeText(node: Node, order: readonly Node[]): string {
  const inputs = node.inputs.map((input, i) => {
    const slot = node.slots[i];
    return `${slot === 'input' ? '' : `${slot} `}${order.indexOf(input)}`;
  });
  const parts = [`${node.op}(${inputs.join(', ')})`];
  if (node.op === 'norm') parts.push(normText(node.norm));
  if ('prologue' in node && node.prologue !== null) parts.push(prologueText(node.prologue));
  if ('relu' in node && node.relu) parts.push('relu');
  if (node.op === 'pointwise')
    parts.push([node.combine ?? [], ...node.functions.map(({ name }) => name)].flat().join(' '));
  if ('activation' in node && node.activation !== 'none') parts.push(node.activation);
  return parts.join(' ');
}

/** The graph as lines such as `conv(0) relu`, where operands are numbers of lines. */
export function describeGraph(graph: Graph): string[] {
  const order = sorted(graph);
  return order.map((node) => nodeText(node, order));
}

/** Passes the graph of a model on to `use`; it is gone when that returns. */
export function withGraph<T>(model: nn.Module, input: readonly number[], use: (graph: Graph) => T): T {
  return scope(() => noGrad(() => withTrace(model, [input], (trace) => use(importGraph(trace, 'error')))));
}

/**
 * The graph of a model before and after some passes, as lines; fails unless the plan made of the result agrees with
 * the model.
 */
export function afterPasses(model: nn.Module, input: readonly number[], ...passes: Pass[]): string[] {
  return withGraph(model, input, (graph) => {
    for (const pass of passes) pass(graph);
    const lines = describeGraph(graph);
    expectAgreement(model, lowerGraph(graph, 'float32'), input[2]);
    return lines;
  });
}
