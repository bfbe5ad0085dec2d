import type { Module } from '../../nn/index.ts';
import { errorAt } from '../trace/site.ts';
import { withTrace } from '../trace/trace.ts';
import type { Trace, TraceOp, TraceValue } from '../trace/types.ts';
import type { ExportedOnnx, OnnxValue } from './export-onnx.ts';
import { finish } from './finish.ts';
import { OnnxGraph } from './onnx-graph.ts';
import { type Conversion, OnnxOp } from './onnx-op.ts';
import { converterOf } from './ops/index.ts';
import { checkNames, type OnnxSettings } from './options.ts';
import { typeOf } from './tensor-type.ts';
import { type OnnxModel, writeModel } from './write-model.ts';

/** Traces a model and writes the file; see `exportOnnx`. */
export function exportTraced(
  model: Module,
  path: string,
  inputs: readonly (readonly number[])[],
  settings: OnnxSettings,
): ExportedOnnx {
  const batch = inputs[0]?.[0] as number;
  const batches = settings.dynamicBatch ? undefined : ([batch, batch] as const);
  const graph = new OnnxGraph(settings.opset);
  try {
    return withTrace(
      model,
      inputs,
      (trace) => {
        const made = convert(trace, graph, settings, model.constructor.name);
        const dataPath = writeModel(path, made, settings.externalData);
        const { opset, inputs: taken, outputs } = made;
        return { path, dataPath, opset, inputs: taken, outputs, operators: countOperators(made) };
      },
      batches,
    );
  } finally {
    graph.dispose();
  }
}

/** The first opset whose convolutions take bfloat16. */
const BFLOAT16_OPSET = 22;

function checkBfloat16({ values }: Trace, opset: number): void {
  if (opset >= BFLOAT16_OPSET || values.every(({ dtype }) => dtype !== 'bfloat16')) return;
  throw new RangeError(
    `Expected an opset from ${BFLOAT16_OPSET} for exportOnnx of a bfloat16 network, got ${opset}; export it in float32 or float16`,
  );
}

function convert(trace: Trace, graph: OnnxGraph, settings: OnnxSettings, name: string): OnnxModel {
  checkBfloat16(trace, settings.opset);
  const inputs = trace.inputs.map((value, i) =>
    describe(settings.inputNames[i] as string, trace.values[value] as TraceValue),
  );
  const outputs = nameOutputs(trace, settings);
  for (const value of [...inputs, ...outputs]) graph.name(value.name);
  const names = new Map(trace.inputs.map((value, i) => [value, (inputs[i] as OnnxValue).name]));
  const conversion: Conversion = { graph, values: trace.values, names, norms: settings.norms };
  for (const op of trace.ops) convertOp(op, conversion);
  const made = trace.outputs.map(({ value }) => names.get(value));
  finish(
    graph,
    outputs.map(({ name: wanted }, i) => [made[i] ?? noOutput(wanted), wanted]),
  );
  const { nodes, initializers, opset } = graph;
  return { name, opset, inputs, outputs, nodes, initializers };
}

function noOutput(name: string): never {
  const site = { module: '', stack: {} };
  const message = `Expected outputs that exportOnnx can write, got places of maxima for output "${name}"`;
  throw errorAt(site, 'ERR_COMPILE_UNSUPPORTED', message);
}

function nameOutputs(trace: Trace, { outputNames, inputNames }: OnnxSettings): OnnxValue[] {
  const names = outputNames ?? trace.outputs.map(({ name }) => name);
  checkNames('outputNames', names, trace.outputs.length);
  const taken = names.find((name) => inputNames.includes(name));
  if (taken !== undefined)
    throw new RangeError(
      `Expected other names for exportOnnx outputNames than for inputs, got "${taken}" for both`,
    );
  return trace.outputs.map(({ value }, i) => describe(names[i] as string, trace.values[value] as TraceValue));
}

function describe(name: string, { shape, dtype, factors }: TraceValue): OnnxValue {
  if (typeOf(dtype) === undefined)
    throw new RangeError(`Expected a dtype that ONNX has for "${name}", got ${dtype}`);
  const sizes = shape.map((size, i) => {
    const factor = factors[i] ?? 0;
    return factor === 0 ? size : factor === 1 ? 'batch' : `${factor}*batch`;
  });
  return { name, dtype, shape: sizes };
}

function convertOp(op: TraceOp, conversion: Conversion): void {
  const reader = new OnnxOp(op, conversion);
  const converter = converterOf(op.name) ?? reader.fail('');
  const made = [converter(reader)].flat();
  for (const [i, value] of op.results.entries()) {
    const name = made[i];
    if (name !== undefined) conversion.names.set(value, name);
  }
}

function countOperators({ nodes }: OnnxModel): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { opType } of nodes) counts[opType] = (counts[opType] ?? 0) + 1;
  return counts;
}
