import type {
  CudaRuntime,
  Mark,
  Recording,
  WorkStream,
  WorkStreams,
} from '../../../lib/compile/cuda/runtime.ts';
import { keep, noGrad, scope, type Tensor } from '../../../lib/tensor/index.ts';

/** A stream whose work is done at once; it writes down what is asked of it. */
class CpuStream implements WorkStream {
  readonly name: string;
  readonly #log: string[];

  constructor(name: string, log: string[]) {
    this.name = name;
    this.#log = log;
  }

  mark(): Mark {
    const mark = { of: this.name };
    this.#log.push(`${this.name}: mark`);
    return mark;
  }

  waitFor(mark: Mark): void {
    this.#log.push(`${this.name}: wait for ${(mark as { of: string }).of}`);
  }

  async done(): Promise<void> {}

  wait(): void {
    this.#log.push(`${this.name}: wait`);
  }
}

/** CUDA's part played by the CPU: work is done when it is given, and a recording does it again. */
export class CpuRuntime implements CudaRuntime {
  readonly device = 'cpu';
  readonly log: string[] = [];
  /** Tensors that count as the device's. */
  readonly onDevice = new WeakSet<Tensor>();
  /** What `settings()` says. */
  libtorch = 'default';
  fused = true;
  /** Thrown by the next recordings, one each. */
  failures: Error[] = [];
  /** Resolves when results may arrive. */
  arrival: Promise<void> = Promise.resolve();
  recorded = 0;
  alive = 0;
  /** Models that have streams. */
  models = 0;
  #current: CpuStream | undefined;

  takeStreams(): WorkStreams {
    this.models++;
    const [compute, uploads, downloads] = ['compute', 'uploads', 'downloads'].map(
      (name) => new CpuStream(name, this.log),
    ) as [CpuStream, CpuStream, CpuStream];
    return { compute, uploads, downloads };
  }

  giveBack(): void {
    this.models--;
  }

  callersStream(): WorkStream {
    return new CpuStream('caller', this.log);
  }

  on<T>(stream: WorkStream, fn: () => T): T {
    const before = this.#current;
    this.#current = stream as CpuStream;
    this.log.push(`${this.#current.name}: work`);
    try {
      return noGrad(fn);
    } finally {
      this.#current = before;
    }
  }

  record<T>(stream: WorkStream, fn: () => T): { recording: Recording; result: T } {
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    const result = this.on(stream, fn);
    this.recorded++;
    this.alive++;
    const again = () =>
      scope(() => {
        const fresh = fn() as Tensor[];
        for (const [i, tensor] of (result as Tensor[]).entries()) tensor.copy_(fresh[i] as Tensor);
      });
    const replay = () => {
      this.log.push(`${this.#current?.name}: replay`);
      noGrad(again);
    };
    return { recording: { replay, reset: () => this.alive-- }, result };
  }

  isOnHost(x: Tensor): boolean {
    return !this.onDevice.has(x);
  }

  pin(x: Tensor): Tensor {
    this.log.push('pin');
    return x.detach().clone();
  }

  usedOn(_: Tensor, stream: WorkStream): void {
    this.log.push(`keep for ${(stream as CpuStream).name}`);
  }

  download(x: Tensor): Promise<Tensor> {
    this.log.push(`${this.#current?.name}: download`);
    const copy = keep(x.clone());
    return this.arrival.then(() => copy);
  }

  settings(): string {
    return this.libtorch;
  }

  allowsFusedConvolutions(): boolean {
    return this.fused;
  }

  hasFusedNorm(): boolean {
    return false;
  }

  withBenchmark<T>(fn: () => T): T {
    this.log.push('benchmark');
    return fn();
  }

  measure(_: WorkStream, fn: () => void): number {
    const start = performance.now();
    fn();
    return performance.now() - start;
  }
}
