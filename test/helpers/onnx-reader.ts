import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataType,
} from '../../lib/compile/onnx/schema/onnx-pb.ts';
import { ops, type Tensor, tensor } from '../../lib/tensor/index.ts';

const { aten } = ops;

/** What a file of ONNX says, read by the protobuf library. */
export const readModel = (path: string): ModelProto & { graph: GraphProto } =>
  fromBinary(ModelProtoSchema, readFileSync(path)) as ModelProto & { graph: GraphProto };

/** An attribute as a number, text or list. */
export function attribute(node: NodeProto, name: string): unknown {
  const found: AttributeProto | undefined = node.attribute.find((one) => one.name === name);
  if (found === undefined) return undefined;
  if (found.type === 1) return found.f;
  if (found.type === 2) return Number(found.i);
  return found.type === 3 ? Buffer.from(found.s).toString() : found.ints.map(Number);
}

function bytesOf(value: TensorProto, folder: string): Uint8Array {
  const places = new Map(value.externalData.map((entry) => [entry.key, entry.value]));
  if (places.size === 0) return Uint8Array.from(value.rawData);
  const offset = Number(places.get('offset'));
  const file = readFileSync(join(folder, places.get('location') as string));
  return Uint8Array.from(file.subarray(offset, offset + Number(places.get('length'))));
}

/** A constant of the file, float32 or int64. */
function constantOf(value: TensorProto, folder: string): Tensor {
  const { buffer } = bytesOf(value, folder);
  const data =
    value.dataType === TensorProto_DataType.INT64 ? new BigInt64Array(buffer) : new Float32Array(buffer);
  return tensor(data as Float32Array).reshape(value.dims.map(Number));
}

type Run = (node: NodeProto, inputs: Tensor[]) => Tensor | Tensor[];
const list = (node: NodeProto, name: string): number[] => attribute(node, name) as number[];
const front = (pads: readonly number[]): number[] => pads.slice(0, pads.length / 2);
const axes = (value: Tensor | undefined): number[] =>
  ((value as Tensor).toArray() as (number | bigint)[]).map(Number);

/** The operators of networks of residual blocks, by libtorch's ops. */
const OPERATORS: Readonly<Record<string, Run>> = {
  Conv: (node, [x, w, b]) =>
    aten.conv2d(x as Tensor, w as Tensor, b ?? null, list(node, 'strides'), front(list(node, 'pads'))),
  BatchNormalization: (node, [x, w, b, mean, variance]) =>
    aten.batch_norm(
      x as Tensor,
      w as Tensor,
      b as Tensor,
      mean as Tensor,
      variance as Tensor,
      false,
      0,
      attribute(node, 'epsilon') as number,
      false,
    ),
  InstanceNormalization: (node, [x, w, b]) =>
    aten.instance_norm(
      x as Tensor,
      w as Tensor,
      b as Tensor,
      null,
      null,
      true,
      0,
      attribute(node, 'epsilon') as number,
      false,
    ),
  MaxPool: (node, [x]) =>
    aten.max_pool2d(
      x as Tensor,
      list(node, 'kernel_shape'),
      list(node, 'strides'),
      front(list(node, 'pads')),
    ),
  AveragePool: (node, [x]) => aten.avg_pool2d(x as Tensor, list(node, 'kernel_shape'), list(node, 'strides')),
  Split: (node, [x, sizes]) =>
    aten.split_with_sizes(x as Tensor, axes(sizes), attribute(node, 'axis') as number) as Tensor[],
  Concat: (node, inputs) => aten.cat(inputs, attribute(node, 'axis') as number),
  Relu: (_, [x]) => (x as Tensor).relu(),
  Add: (_, [x, y]) => (x as Tensor).add(y as Tensor),
  Sub: (_, [x, y]) => (x as Tensor).sub(y as Tensor),
  Mul: (_, [x, y]) => (x as Tensor).mul(y as Tensor),
  Div: (_, [x, y]) => (x as Tensor).div(y as Tensor),
  Sqrt: (_, [x]) => (x as Tensor).sqrt(),
  Identity: (_, [x]) => x as Tensor,
  ReduceMean: (_, [x, dims]) => (x as Tensor).mean(axes(dims), { keepdim: true }),
  Reshape: (_, [x, shape]) => (x as Tensor).reshape(axes(shape)),
  Gemm: (_, [x, w, b]) => aten.linear(x as Tensor, w as Tensor, b ?? null),
};

/** What a file gives for these inputs. */
export function runModel(path: string, inputs: readonly Tensor[]): Tensor[] {
  const { graph } = readModel(path);
  const values = new Map(graph.input.map(({ name }, i) => [name, inputs[i] as Tensor]));
  for (const value of graph.initializer) values.set(value.name, constantOf(value, dirname(path)));
  for (const node of graph.node) {
    const given = node.input.map((name) => values.get(name) as Tensor);
    const made = [(OPERATORS[node.opType] as Run)(node, given)].flat();
    for (const [i, name] of node.output.entries()) values.set(name, made[i] as Tensor);
  }
  return graph.output.map(({ name }) => values.get(name) as Tensor);
}
