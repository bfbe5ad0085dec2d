import { create } from '@bufbuild/protobuf';
import { type AttributeProto, AttributeProto_AttributeType, AttributeProtoSchema } from './schema/onnx-pb.ts';

/** A number that ONNX wants as a float; plain numbers are integers. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** What an attribute of a node may be here; undefined leaves it out. */
export type Attribute = number | Float | string | readonly number[] | undefined;
export type Attributes = Readonly<Record<string, Attribute>>;

const TYPE = AttributeProto_AttributeType;

/** Attributes of a node, in the order given. */
export function attributesOf(attributes: Attributes): AttributeProto[] {
  return Object.entries(attributes).flatMap(([name, value]) =>
    value === undefined ? [] : [create(AttributeProtoSchema, { name, ...fieldsOf(value) })],
  );
}

function fieldsOf(value: Exclude<Attribute, undefined>) {
  if (value instanceof Float) return { type: TYPE.FLOAT, f: value.value };
  if (typeof value === 'number') return { type: TYPE.INT, i: BigInt(value) };
  if (typeof value === 'string') return { type: TYPE.STRING, s: Buffer.from(value, 'utf8') };
  return { type: TYPE.INTS, ints: value.map(BigInt) };
}
