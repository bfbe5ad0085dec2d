import type { Handle } from '../binding.ts';
import { NativeObject, unwrap } from '../ops/index.ts';
import { checkOptions } from '../options.ts';
import { keep } from '../tensor/index.ts';
import { refusePromise } from '../tensor/scope.ts';
import { type CudaDevice, deviceNumber } from './device.ts';
import { native } from './native.ts';

/** Options of {@link Stream}. */
export interface StreamOptions {
  /** Default: the current device. */
  device?: CudaDevice;
  /** A lower number is more urgent. Default 0; the device's least and greatest bound it. */
  priority?: number;
}

function newStream(options: StreamOptions): Handle {
  checkOptions('Stream', options, ['device', 'priority']);
  const { device, priority = 0 } = options;
  if (!Number.isInteger(priority)) {
    throw new RangeError(`Expected an integer for Stream priority, got ${priority}`);
  }
  return native.cudaNewStream(deviceNumber(device), priority);
}

/**
 * A queue of work on a device, as torch.cuda.Stream: work of one stream runs in order, streams run beside each other.
 * Streams come from libtorch's pool and are used again; they need no disposal.
 *
 * A tensor made on one stream and read on another must outlive the reading: `x.recordStream(other)` tells libtorch.
 *
 * @throws TorchError `ERR_CUDA_UNAVAILABLE` with the reason.
 * @example
 * const copies = new cuda.Stream();
 * const next = cuda.withStream(copies, () => batch.to('cuda', { nonBlocking: true }));
 * cuda.currentStream().waitStream(copies);
 */
export class Stream extends NativeObject {
  /** The second parameter is for streams that libtorch made. */
  constructor(options: StreamOptions = {}, handle?: Handle) {
    super(handle ?? newStream(options));
    keep(this);
  }

  /** `cuda:0`, ... */
  get device(): string {
    return `cuda:${native.streamDevice(unwrap(this))}`;
  }

  /** Its `cudaStream_t` as a number; 0n for a device's default stream. */
  get cudaStream(): bigint {
    return native.streamPointer(unwrap(this));
  }

  /** Whether both stand for the same queue. */
  equals(other: Stream): boolean {
    return native.isSameStream(unwrap(this), unwrap(other));
  }

  /** Whether all work given until now is done. */
  query(): boolean {
    return native.queryStream(unwrap(this));
  }

  /** Waits for all work given until now; blocks the event loop. */
  synchronize(): void {
    native.synchronizeStream(unwrap(this));
  }

  /**
   * Resolves when all work given until now is done; the event loop goes on meanwhile.
   *
   * @throws TorchError (rejects) when the device failed.
   */
  async synchronizeAsync(): Promise<void> {
    await native.streamDone(unwrap(this));
  }

  /** Work given to this stream from now on waits for `event`; the caller does not. */
  waitEvent(event: Event): void {
    native.blockStream(unwrap(event), unwrap(this));
  }

  /** Work given to this stream from now on waits for all that `stream` was given until now. */
  waitStream(stream: Stream): void {
    this.waitEvent(stream.recordEvent());
  }

  /** Marks this point of the stream. Returns the event, by default a new one. */
  recordEvent(event: Event = new Event()): Event {
    return event.record(this);
  }
}

/** Options of {@link Event}. */
export interface EventOptions {
  /** Lets `elapsedTime` measure. Default false. */
  enableTiming?: boolean;
}

function newEvent(options: EventOptions): Handle {
  checkOptions('Event', options, ['enableTiming']);
  return native.cudaNewEvent(options.enableTiming ?? false);
}

/**
 * A mark in a stream, as torch.cuda.Event: to wait for, and to measure by.
 *
 * @throws TorchError `ERR_CUDA_UNAVAILABLE` with the reason.
 * @example
 * const start = new cuda.Event({ enableTiming: true }).record();
 * const y = model.forward(x);
 * const end = new cuda.Event({ enableTiming: true }).record();
 * end.synchronize();
 * console.log(start.elapsedTime(end), 'ms');
 */
export class Event extends NativeObject {
  constructor(options: EventOptions = {}) {
    super(newEvent(options));
    keep(this);
  }

  /** Marks the present end of `stream`, by default the current one. Returns this. */
  record(stream: Stream = currentStream()): this {
    native.recordEvent(unwrap(this), unwrap(stream));
    return this;
  }

  /** Work given to `stream` (default: the current one) from now on waits for the mark. */
  wait(stream: Stream = currentStream()): void {
    native.blockStream(unwrap(this), unwrap(stream));
  }

  /** Whether the stream has come to the mark; true before `record`. */
  query(): boolean {
    return native.queryEvent(unwrap(this));
  }

  /** Waits until the stream has come to the mark; blocks the event loop. */
  synchronize(): void {
    native.synchronizeEvent(unwrap(this));
  }

  /**
   * Milliseconds from this mark to `end`, with half a microsecond's resolution.
   *
   * @throws TorchError unless both were made with `enableTiming`, recorded and reached.
   */
  elapsedTime(end: Event): number {
    return native.elapsedTime(unwrap(this), unwrap(end));
  }
}

const wrap = (handle: Handle): Stream => new Stream({}, handle);

/** The stream that ops on the device go to. Default: of the current device. */
export function currentStream(device?: CudaDevice): Stream {
  return wrap(native.cudaCurrentStream(deviceNumber(device)));
}

/** The device's default stream. */
export function defaultStream(device?: CudaDevice): Stream {
  return wrap(native.cudaDefaultStream(deviceNumber(device)));
}

/** Makes `stream` its device's current one on this thread, and that device the current one. Prefer `withStream`. */
export function setStream(stream: Stream): void {
  native.cudaSetStream(unwrap(stream));
}

/**
 * Runs `fn` with `stream` as the current one, and its device as the current device, as `with torch.cuda.stream(s)`.
 * With null `fn` runs as it is. `fn` must be synchronous.
 */
export function withStream<T>(stream: Stream | null, fn: () => T): T {
  if (stream === null) return fn();
  const device = native.cudaCurrentDevice();
  const before = native.cudaExchangeStream(unwrap(stream));
  native.cudaSetDevice(native.streamDevice(unwrap(stream)));
  try {
    const result = fn();
    refusePromise(result, 'cuda.withStream');
    return result;
  } finally {
    native.cudaExchangeStream(before);
    native.cudaSetDevice(device);
  }
}
