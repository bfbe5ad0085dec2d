import { checkCount, checkFlags, checkOptions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { CompiledModelError } from '../compiled-error.ts';
import type { ModelEngine } from '../model-engine.ts';
import type { EngineStats } from '../native.ts';
import type { StepCost } from '../run-inputs.ts';
import { measurePeak } from './peak.ts';
import { Profile, type ProfileStep, rate } from './profile.ts';

/** What `profile` takes besides the input. */
export interface ProfileOptions {
  /** Runs that are measured, after one that is not. Default 20. */
  runs?: number;
  /** Measure what the processor can do, too, which takes some tens of milliseconds. Default true. */
  peak?: boolean;
}

/** See `CompiledModel.profile`. */
export async function profileEngine(
  engine: ModelEngine,
  inputs: Tensor[],
  options: ProfileOptions,
): Promise<Profile> {
  checkOptions('profile', options, ['runs', 'peak']);
  checkFlags('profile', { peak: options.peak });
  const runs = checkCount('profile', 'runs', options.runs ?? 20);
  const { cpu } = engine.description;
  if (cpu === undefined) throw unsupported('a model on the CPU', 'one on CUDA; use its own profiler there');
  const images = (inputs[0] as Tensor).shape[0] as number;
  const together = dividesBy(engine.stats(), images);
  const peakGflops = options.peak === false ? null : await measurePeak(engine.stats().threads, cpu.dtype);
  await runOnce(engine, inputs);
  const before = engine.stats();
  const start = performance.now();
  for (let run = 0; run < runs; run++) await runOnce(engine, inputs);
  const milliseconds = (performance.now() - start) / runs;
  const after = engine.stats();
  checkAlone(after.images - before.images, runs * images);
  const steps = stepsOf(before, after, cpu.costs, { images, count: runs * together, peakGflops });
  const { threads, instructionSet } = after;
  return new Profile({ steps, images, runs, threads, instructionSet, milliseconds, peakGflops });
}

const unsupported = (wanted: string, got: string) =>
  new CompiledModelError(`Expected ${wanted} for profile, got ${got}`, { code: 'ERR_COMPILED_UNSUPPORTED' });

async function runOnce(engine: ModelEngine, inputs: Tensor[]): Promise<void> {
  for (const output of await engine.run(inputs, undefined)) output.dispose();
}

function checkAlone(got: number, wanted: number): void {
  if (got === wanted) return;
  throw unsupported(`${wanted} images and no other runs`, `${got}; profile a model that nobody else uses`);
}

/** How many threads work on steps by themselves at a time, so that times add up over them: all, or one. */
function dividesBy({ threads, steps }: EngineStats, images: number): number {
  if (images === 0) throw new RangeError('Expected at least 1 image for profile, got none');
  if (threads === 1 || images < threads || steps.some(({ op }) => op === 'aten')) return 1;
  if (images % threads === 0) return threads;
  throw new RangeError(
    `Expected fewer images than the model's ${threads} threads for profile, or a multiple of them, got ${images}: some would be ` +
      'computed by one thread each and some by all',
  );
}

interface Measured {
  readonly images: number;
  /** Runs, times the threads that measured each. */
  readonly count: number;
  readonly peakGflops: number | null;
}

function stepsOf(
  before: EngineStats,
  after: EngineStats,
  costs: readonly StepCost[],
  { images, count, peakGflops }: Measured,
): ProfileStep[] {
  const times = after.steps.map(
    ({ milliseconds }, i) => (milliseconds - (before.steps[i]?.milliseconds ?? 0)) / count,
  );
  const total = times.reduce((sum, time) => sum + time, 0);
  return after.steps.map(({ name, op, algorithm }, i) => {
    const { flops, bytes, weightBytes } = costs[i] as StepCost;
    const milliseconds = times[i] as number;
    const gflops = rate(flops * images, milliseconds);
    return {
      ...{ name, op, algorithm, milliseconds, share: total > 0 ? milliseconds / total : 0 },
      ...{
        flops: flops * images,
        gflops,
        peakShare: peakGflops === null || op.startsWith('int8') ? null : gflops / peakGflops,
      },
      bytes: bytes * images + weightBytes,
    };
  });
}
