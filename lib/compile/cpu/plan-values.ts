import { channelsOf, type Node } from '../graph/graph.ts';
import type { BufferAssignment, BufferSlot, Place } from './places.ts';
import type { PlanBuffer, PlanValue, ValueId } from './plan.ts';

/** The buffers and values of a plan, made as steps ask for them. */
export class PlanValues {
  readonly buffers: PlanBuffer[] = [];
  readonly values: PlanValue[] = [];
  readonly #places: BufferAssignment['places'];
  readonly #buffers = new Map<BufferSlot, number>();
  readonly #values = new Map<string, ValueId>();
  readonly #named = new Map<Node, ValueId>();

  constructor(places: BufferAssignment['places']) {
    this.#places = places;
  }

  /** Where the node's result lies. */
  of(node: Node): ValueId {
    return this.range(node, 0, channelsOf(node));
  }

  /** Some channels of the node's result. */
  range(node: Node, from: number, channels: number): ValueId {
    const named = this.#named.get(node);
    if (named !== undefined) return named;
    const place = this.#places.get(node) as Place;
    return this.#value({ buffer: this.#buffer(place.slot), from: place.from + from, channels });
  }

  /** The node's result is a vector that another step writes. */
  setVector(node: Node, value: ValueId): void {
    this.#named.set(node, value);
  }

  /** A new vector. */
  vector(channels: number): ValueId {
    const buffer = this.buffers.push({ kind: 'vector', channels, height: 1, width: 1, offset: 0 }) - 1;
    return this.#value({ buffer, from: 0, channels });
  }

  #buffer(slot: BufferSlot): number {
    const known = this.#buffers.get(slot);
    if (known !== undefined) return known;
    const [channels, height, width] = slot.shape;
    const kind = slot.op === 'argmax' ? 'indices' : slot.shape.length === 3 ? 'map' : 'vector';
    const bytes = slot.quantized === undefined ? {} : { quantization: slot.quantized };
    const size = { channels, height: height ?? 1, width: width ?? 1 };
    const index = this.buffers.push({ kind, ...size, offset: 0, ...bytes }) - 1;
    this.#buffers.set(slot, index);
    return index;
  }

  #value(value: PlanValue): ValueId {
    const key = `${value.buffer}:${value.from}:${value.channels}`;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const index = this.values.push(value) - 1;
    this.#values.set(key, index);
    return index;
  }
}
