import { create } from '@bufbuild/protobuf';
import { type DType, scope, type Tensor, tensor } from '../../tensor/index.ts';
import { type Attributes, attributesOf } from './attributes.ts';
import { type NodeProto, NodeProtoSchema } from './schema/onnx-pb.ts';

/** A tensor that the file holds. */
export interface Initializer {
  readonly name: string;
  readonly tensor: Tensor;
}

/** Collects the nodes and constants of a graph; every name is given once. */
export class OnnxGraph {
  readonly nodes: NodeProto[] = [];
  readonly initializers: Initializer[] = [];
  readonly opset: number;
  readonly #names = new Set<string>(['']);
  readonly #constants = new Map<Tensor, string>();
  readonly #numbers = new Map<string, string>();
  readonly #owned: Tensor[] = [];

  constructor(opset: number) {
    this.opset = opset;
  }

  /** A name that nothing has: this one, or with a number behind it. */
  name(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.#names.has(name); i++) name = `${wanted}_${i}`;
    this.#names.add(name);
    return name;
  }

  /** Adds a node; gives the names of its outputs. */
  node(
    module: string,
    type: string,
    inputs: readonly string[],
    attributes: Attributes,
    outputs = 1,
  ): string[] {
    const name = this.name(`${module}/${type}`);
    const output = Array.from({ length: outputs }, (_, i) =>
      this.name(`${name}_output${outputs === 1 ? '' : `_${i}`}`),
    );
    const attribute = attributesOf(attributes);
    this.nodes.push(create(NodeProtoSchema, { name, opType: type, input: [...inputs], output, attribute }));
    return output;
  }

  /** A tensor of the network; parameters and buffers by their keys. The same tensor is written once. */
  constant(value: Tensor, key: string | null): string {
    const known = this.#constants.get(value);
    if (known !== undefined) return known;
    const name = this.name(key ?? 'constant');
    this.initializers.push({ name, tensor: value });
    this.#constants.set(value, name);
    return name;
  }

  /** Numbers of the graph's own; the same ones are written once. An empty shape is a scalar. */
  numbers(values: readonly number[], dtype: DType, shape: readonly number[] = [values.length]): string {
    const key = `${dtype} [${shape.join()}] ${values.map((value) => (Object.is(value, -0) ? '-0' : value)).join()}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const made = this.own(() => tensor([...values], { dtype }).reshape([...shape]));
    const name = this.constant(made, null);
    this.#numbers.set(key, name);
    return name;
  }

  /** A tensor that the graph makes and disposes. */
  own(make: () => Tensor): Tensor {
    const made = scope(() => make().clone());
    this.#owned.push(made);
    return made;
  }

  /** Frees the tensors of its own. */
  dispose(): void {
    for (const owned of this.#owned) owned.dispose();
  }
}
