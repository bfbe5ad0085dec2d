import type { Device, Tensor } from '../tensor/index.ts';

/** Copies of one small tensor on the devices that ask for it. */
export class PerDevice {
  readonly #source: Tensor;
  readonly #copies = new Map<Device, Tensor>();

  constructor(source: Tensor) {
    this.#source = source;
  }

  /** The copy on `device`, made at the first call; never the source itself. */
  get(device: Device): Tensor {
    const made = this.#copies.get(device) ?? this.#source.to({ device, nonBlocking: true, copy: true });
    this.#copies.set(device, made);
    return made;
  }

  values(): Tensor[] {
    return [...this.#copies.values()];
  }
}
