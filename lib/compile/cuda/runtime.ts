import type { Device, Tensor } from '../../tensor/index.ts';

/** A mark in a stream. */
export type Mark = object;

/** A queue of work on the device. */
export interface WorkStream {
  /** A mark behind all work given until now. */
  mark(): Mark;
  /** Work given from now on waits for the mark; the caller does not. */
  waitFor(mark: Mark): void;
  /** Resolves when all work given until now is done. */
  done(): Promise<void>;
  /** Waits for it. */
  wait(): void;
}

/** The streams of a model. */
export interface WorkStreams {
  /** Where graphs are recorded and replayed. */
  compute: WorkStream;
  uploads: WorkStream;
  downloads: WorkStream;
}

/** A recorded graph of work. */
export interface Recording {
  /** Gives it to the current stream. */
  replay(): void;
  /** Frees it and its share of the memory; none of it may be running. */
  reset(): void;
}

/** What a compiled model asks of CUDA; tests put one in its place that computes on the CPU. */
export interface CudaRuntime {
  /** `cuda:0`, with the number. */
  readonly device: Device;
  /** Streams for a model of its own. */
  takeStreams(): WorkStreams;
  /** Gives streams back that have nothing to do any more. */
  giveBack(streams: WorkStreams): void;
  /** The stream that the caller's ops go to. */
  callersStream(): WorkStream;
  /** Runs `fn` with `stream` as the current one, without gradients and without autocast. */
  on<T>(stream: WorkStream, fn: () => T): T;
  /**
   * Records what `fn` gives to the stream. All recordings share memory, and must not run at the same time. When `fn`
   * throws, the stream can be used as before.
   */
  record<T>(stream: WorkStream, fn: () => T): { recording: Recording; result: T };
  /** Whether it is the CPU's. */
  isOnHost(x: Tensor): boolean;
  /** The CPU's tensor in page-locked memory; the very same memory where it is that already. */
  pin(x: Tensor): Tensor;
  /** Keeps the memory from being used again before `stream` has done what it was given until now. */
  usedOn(x: Tensor, stream: WorkStream): void;
  /** The tensor on the CPU, by a copy in the current stream. */
  download(x: Tensor): Promise<Tensor>;
  /** libtorch's settings that a recording keeps, as a key. */
  settings(): string;
  /** Whether cuDNN's fused convolutions may be used under these settings. */
  allowsFusedConvolutions(): boolean;
  /** Whether the fused norm has a kernel here. */
  hasFusedNorm(): boolean;
  /** Runs `fn` while cuDNN tries its algorithms on each new shape and keeps the fastest. */
  withBenchmark<T>(fn: () => T): T;
  /** Milliseconds on the device that `fn` takes, run some times. */
  measure(stream: WorkStream, fn: () => void): number;
}
