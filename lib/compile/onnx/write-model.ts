import { existsSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { writeAtomically } from '../../atomic-file.ts';
import { scope, type Tensor } from '../../tensor/index.ts';
import type { OnnxValue } from './export-onnx.ts';
import type { Initializer } from './onnx-graph.ts';
import { IR_VERSIONS } from './options.ts';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type ValueInfoProtoSchema,
} from './schema/onnx-pb.ts';
import { typeOf } from './tensor-type.ts';

/** All that a file says. */
export interface OnnxModel {
  readonly name: string;
  readonly opset: number;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly Initializer[];
}

/** Numbers of fields in onnx-ml.proto. */
const FIELDS = {
  graph: ModelProtoSchema.field.graph,
  initializer: GraphProtoSchema.field.initializer,
  rawData: TensorProtoSchema.field.rawData,
};

/** What a protobuf message may have, less room for the nodes. */
const MOST_BYTES = 2 ** 31 - 2 ** 20;
/** Smaller tensors stay in the model: runtimes read sizes and axes while they load it. */
const LEAST_EXTERNAL = 1024;
/** Tensors in a file of their own begin at pages, so that they can be mapped. */
const PAGE = 4096;

type Sink = (bytes: Uint8Array) => void;

/**
 * Writes the model, and its weights beside it where they are external. An older model is removed before its weights are
 * replaced, so that no model is ever beside the weights of another.
 *
 * @param external Null: where the model would be too large for one file.
 * @returns The path of the weights; null where they are in the model.
 */
export function writeModel(path: string, model: OnnxModel, external: boolean | null): string | null {
  const total = model.initializers.reduce((sum, { tensor }) => sum + bytesIn(tensor), 0);
  if (!(external ?? total > MOST_BYTES)) {
    writeAtomically(path, (sink) => write(model, new Map(), '', sink));
    return null;
  }
  const dataPath = `${path}.data`;
  const offsets = placeExternal(model.initializers);
  writeAtomically(dataPath, (sink) => {
    writeData(model.initializers, offsets, sink);
    if (existsSync(dataPath)) rmSync(path, { force: true });
  });
  writeAtomically(path, (sink) => write(model, offsets, basename(dataPath), sink));
  return dataPath;
}

const bytesIn = (tensor: Tensor): number => tensor.numel() * tensor.itemsize;
const roundUp = (value: number): number => Math.ceil(value / PAGE) * PAGE;

/** Where each external tensor begins in its file. */
function placeExternal(initializers: readonly Initializer[]): Map<Initializer, number> {
  let offset = 0;
  const offsets = new Map<Initializer, number>();
  for (const initializer of initializers) {
    const bytes = bytesIn(initializer.tensor);
    if (bytes < LEAST_EXTERNAL) continue;
    offsets.set(initializer, offset);
    offset += roundUp(bytes);
  }
  return offsets;
}

function writeData(
  initializers: readonly Initializer[],
  offsets: ReadonlyMap<Initializer, number>,
  sink: Sink,
): void {
  for (const initializer of initializers) {
    if (!offsets.has(initializer)) continue;
    withBytes(initializer.tensor, (bytes) => {
      sink(bytes);
      sink(new Uint8Array(roundUp(bytes.length) - bytes.length));
    });
  }
}

/** The message, its weights written one after the other and never all in memory. */
function write(
  model: OnnxModel,
  offsets: ReadonlyMap<Initializer, number>,
  location: string,
  sink: Sink,
): void {
  const { name, nodes, inputs, outputs } = model;
  const own = { name, node: [...nodes], input: inputs.map(valueInfo), output: outputs.map(valueInfo) };
  const graph = toBinary(GraphProtoSchema, create(GraphProtoSchema, own));
  const heads = model.initializers.map((initializer) =>
    tensorHead(initializer, offsets.get(initializer), location),
  );
  const sizes = heads.map((head, i) => sizeOf(head, model.initializers[i] as Initializer, offsets));
  const total = sizes.reduce((sum, { field }) => sum + field, graph.length);
  sink(toBinary(ModelProtoSchema, modelHead(model.opset)));
  sink(lengthDelimited(FIELDS.graph.number, total));
  sink(graph);
  for (const [i, initializer] of model.initializers.entries()) {
    sink(lengthDelimited(FIELDS.initializer.number, (sizes[i] as { message: number }).message));
    sink(heads[i] as Uint8Array);
    if (!offsets.has(initializer)) withBytes(initializer.tensor, sink);
  }
}

const modelHead = (opset: number) =>
  create(ModelProtoSchema, {
    irVersion: BigInt(IR_VERSIONS[opset] as number),
    producerName: 'ibn-net',
    opsetImport: [{ domain: '', version: BigInt(opset) }],
  });

/** The beginning of a field that holds so many bytes. */
const lengthDelimited = (field: number, length: number): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();

/** A tensor's message up to its bytes. */
function tensorHead({ name, tensor }: Initializer, offset: number | undefined, location: string): Uint8Array {
  const length = bytesIn(tensor);
  const own = { name, dims: tensor.shape.map(BigInt), dataType: typeOf(tensor.dtype) as number };
  if (offset === undefined) {
    const head = toBinary(TensorProtoSchema, create(TensorProtoSchema, own));
    return Buffer.concat([head, lengthDelimited(FIELDS.rawData.number, length)]);
  }
  const places = Object.entries({ location, offset: String(offset), length: String(length) });
  const externalData = places.map(([key, value]) => ({ key, value }));
  const dataLocation = TensorProto_DataLocation.EXTERNAL;
  return toBinary(TensorProtoSchema, create(TensorProtoSchema, { ...own, externalData, dataLocation }));
}

function sizeOf(head: Uint8Array, initializer: Initializer, offsets: ReadonlyMap<Initializer, number>) {
  const message = head.length + (offsets.has(initializer) ? 0 : bytesIn(initializer.tensor));
  return { message, field: message + lengthDelimited(FIELDS.initializer.number, message).length };
}

function withBytes(tensor: Tensor, use: Sink): void {
  scope(() => {
    const { buffer, byteOffset, byteLength } = tensor.detach().to('cpu').contiguous().data();
    use(new Uint8Array(buffer, byteOffset, byteLength));
  });
}

function valueInfo({ name, dtype, shape }: OnnxValue): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = shape.map((size) => ({
    value:
      typeof size === 'number'
        ? ({ case: 'dimValue', value: BigInt(size) } as const)
        : ({ case: 'dimParam', value: size } as const),
  }));
  const tensorType = { elemType: typeOf(dtype) as number, shape: { dim } };
  return { name, type: { value: { case: 'tensorType', value: tensorType } } };
}
