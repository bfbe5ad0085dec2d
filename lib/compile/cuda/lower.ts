import type { Module } from '../../nn/index.ts';
import { noGrad, scope } from '../../tensor/index.ts';
import { importGraph } from '../graph/from-trace.ts';
import { type Graph, sorted } from '../graph/graph.ts';
import { type BuildPlanOptions, sizesOf } from '../plan-options.ts';
import { withTrace } from '../trace/trace.ts';
import { CallWriter } from './calls.ts';
import { cudaPasses } from './passes/index.ts';
import type { CudaDType, CudaPlan } from './plan.ts';

/** Options of `buildCudaPlan`, checked before. */
export interface CudaPlanOptions extends Required<Pick<BuildPlanOptions, 'inputs' | 'unsupported'>> {
  dtype: CudaDType;
}

/**
 * Turns the evaluation forward of a network into calls of libtorch's ops. Weights are folded, cast and on the CPU; they
 * may be the network's own memory, and `placePlan` copies them.
 *
 * @throws CompileError where the forward cannot be traced or has ops that compile does not know.
 */
export function buildCudaPlan(model: Module, options: CudaPlanOptions): CudaPlan {
  const { inputs, unsupported, dtype } = options;
  return scope(() =>
    noGrad(() =>
      withTrace(model, inputs, (trace) => lowerCudaGraph(importGraph(trace, unsupported, 'cuda'), dtype)),
    ),
  );
}

/** Runs the passes over a graph and writes its calls. */
export function lowerCudaGraph(graph: Graph, dtype: CudaDType): CudaPlan {
  for (const pass of cudaPasses) pass(graph);
  const writer = new CallWriter(dtype, graph.inputs.length);
  for (const node of sorted(graph)) writer.write(node);
  const outputs = graph.outputs.map(({ name, node }) => ({ name, value: writer.output(node) }));
  return { target: 'cuda', dtype, inputs: graph.inputs.map(sizesOf), calls: writer.calls, outputs };
}
