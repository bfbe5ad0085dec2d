import {
  areDeterministicAlgorithmsEnabled,
  backends,
  getFloat32MatmulPrecision,
} from '../../cuda/backends.ts';
import { device as onDevice } from '../../cuda/device.ts';
import { CUDAGraph, type GraphPool, graph, graphPoolHandle } from '../../cuda/graph.ts';
import { currentStream, Event, Stream, withStream } from '../../cuda/stream.ts';
import { hasCudaKernels } from '../../ops/cuda-kernels.ts';
import { type Device, noGrad, type Tensor } from '../../tensor/index.ts';
import { native } from '../../tensor/native.ts';
import type { CudaRuntime, Mark, Recording, WorkStream, WorkStreams } from './runtime.ts';

const REPEATS = 5;

/** A stream of libtorch's. */
class DeviceStream implements WorkStream {
  readonly stream: Stream;

  constructor(stream: Stream) {
    this.stream = stream;
  }

  mark(): Mark {
    return this.stream.recordEvent();
  }

  waitFor(mark: Mark): void {
    this.stream.waitEvent(mark as Event);
  }

  done(): Promise<void> {
    return this.stream.synchronizeAsync();
  }

  wait(): void {
    this.stream.synchronize();
  }
}

const streamOf = (stream: WorkStream): Stream => (stream as DeviceStream).stream;

/** A region of the caller's would cast what the plan has cast already, or record casts in a graph. */
function withoutAutocast<T>(fn: () => T): T {
  if (!native.isAutocastEnabled('cuda')) return fn();
  native.enterAutocast('cuda', undefined, false, undefined);
  try {
    return fn();
  } finally {
    native.exitAutocast();
  }
}

/** Streams of models that are gone, by device: cuBLAS keeps some 32 MiB for each that it has worked on. */
const unused = new Map<Device, WorkStreams[]>();

/** CUDA as a compiled model uses it: streams, graphs that share one pool of memory, copies. */
export class DeviceRuntime implements CudaRuntime {
  readonly device: Device;
  #pool: GraphPool | undefined;

  /** @param device `cuda:0`, with the number. */
  constructor(device: Device) {
    this.device = device;
  }

  takeStreams(): WorkStreams {
    const made = () => new DeviceStream(new Stream({ device: this.device }));
    return unused.get(this.device)?.pop() ?? { compute: made(), uploads: made(), downloads: made() };
  }

  giveBack(streams: WorkStreams): void {
    unused.set(this.device, [...(unused.get(this.device) ?? []), streams]);
  }

  callersStream(): WorkStream {
    return new DeviceStream(currentStream(this.device));
  }

  on<T>(stream: WorkStream, fn: () => T): T {
    return withStream(streamOf(stream), () => noGrad(() => withoutAutocast(fn)));
  }

  record<T>(stream: WorkStream, fn: () => T): { recording: Recording; result: T } {
    return onDevice(this.device, () => {
      this.#pool ??= graphPoolHandle();
      const recording = new CUDAGraph();
      const quietly = () => noGrad(() => withoutAutocast(fn));
      return { recording, result: graph(recording, quietly, { pool: this.#pool, stream: streamOf(stream) }) };
    });
  }

  isOnHost(x: Tensor): boolean {
    return x.device === 'cpu';
  }

  pin(x: Tensor): Tensor {
    const plain = x.detach();
    if (plain.isPinned()) return plain;
    const dense = plain.isContiguous() || plain.isContiguous('channels_last');
    return (dense ? plain : plain.contiguous()).pinMemory();
  }

  usedOn(x: Tensor, stream: WorkStream): void {
    x.recordStream(streamOf(stream));
  }

  download(x: Tensor): Promise<Tensor> {
    return x.cpuAsync();
  }

  settings(): string {
    const { enabled, deterministic, allowTF32 } = backends.cudnn;
    const flags = [enabled, deterministic, allowTF32, areDeterministicAlgorithmsEnabled()];
    return [...flags.map(Number), getFloat32MatmulPrecision()].join();
  }

  allowsFusedConvolutions(): boolean {
    const { enabled, deterministic } = backends.cudnn;
    return enabled && !deterministic && !areDeterministicAlgorithmsEnabled();
  }

  hasFusedNorm(): boolean {
    return hasCudaKernels();
  }

  withBenchmark<T>(fn: () => T): T {
    const before = backends.cudnn.benchmark;
    backends.cudnn.benchmark = true;
    try {
      return fn();
    } finally {
      backends.cudnn.benchmark = before;
    }
  }

  measure(stream: WorkStream, fn: () => void): number {
    const [start, end] = [new Event({ enableTiming: true }), new Event({ enableTiming: true })];
    start.record(streamOf(stream));
    for (let i = 0; i < REPEATS; i++) fn();
    end.record(streamOf(stream));
    end.synchronize();
    return start.elapsedTime(end) / REPEATS;
  }
}
