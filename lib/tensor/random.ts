import { randomBytes } from 'node:crypto';
import { NativeObject, unwrap } from '../ops/index.ts';
import { checkTensor } from './check-tensor.ts';
import type { Device } from './dtype.ts';
import { native } from './native.ts';
import { Tensor } from './tensor.ts';

/** A source of random numbers of its own, as torch.Generator. */
export class Generator extends NativeObject {
  readonly device: Device;

  constructor(device: Device = 'cpu') {
    super(native.makeGenerator(device));
    this.device = device;
  }

  /** Seeds this generator. Returns it. */
  manualSeed(seed: number | bigint): this {
    native.generatorSeed(unwrap(this), seed);
    return this;
  }

  getState(): Tensor {
    return new Tensor(native.generatorState(unwrap(this)));
  }

  setState(state: Tensor): this {
    checkState('setState', state);
    native.setGeneratorState(unwrap(this), unwrap(state));
    return this;
  }
}

/**
 * Seeds the default generators of all devices: CPU random numbers are then the same as Python's after
 * torch.manual_seed.
 */
export function manualSeed(seed: number | bigint): void {
  native.manualSeed(seed);
}

/**
 * Seeds the default generators of all devices with a number that nobody chose. Returns it.
 *
 * @example console.log(seed()); // to repeat a run with manualSeed
 */
export function seed(): bigint {
  const drawn = randomBytes(8).readBigUInt64LE();
  manualSeed(drawn);
  return drawn;
}

/** The seed of the default CPU generator. */
export function initialSeed(): bigint {
  return native.initialSeed(null);
}

function checkState(name: string, state: Tensor): void {
  checkTensor(name, 'state', state);
  if (state.dtype === 'uint8') return;
  throw new RangeError(`Expected a state of uint8, as getState gives, for ${name}, got ${state.dtype}`);
}

/** The state of the default CPU generator: a uint8 tensor. */
export function getRngState(): Tensor {
  return new Tensor(native.generatorState(null));
}

/** Puts back a state that `getRngState` gave. */
export function setRngState(state: Tensor): void {
  checkState('setRngState', state);
  native.setGeneratorState(null, unwrap(state));
}

/**
 * Moves the default CPU generator on as if it had drawn `count` numbers of 32 bits, in a fraction of the time.
 *
 * @internal
 */
export function skipRandom(count: number): void {
  native.skipRandom(count);
}
