import { Generator, keep, randn, scope, type Tensor } from '../../tensor/index.ts';
import { CpuEngine } from '../cpu/engine.ts';
import type { ConvStep, Plan } from '../cpu/plan.ts';
import { planMemory } from '../cpu/plan-memory.ts';
import type { PlanDType } from '../plan-options.ts';
import { rate } from './profile.ts';

const [CHANNELS, SIDE, LAYERS, RUNS] = [256, 14, 4, 30];
const FLOPS = 2 * CHANNELS * CHANNELS * SIDE * SIDE;

/** A chain of 1x1 convolutions whose maps and weights stay in the second-level cache. */
function chain(dtype: PlanDType, generator: Generator): Plan {
  const size = { channels: CHANNELS, height: SIDE, width: SIDE };
  const buffers = [0, 1].map(() => ({ kind: 'map' as const, ...size, offset: 0 }));
  const values = [0, 1].map((buffer) => ({ buffer, from: 0, channels: CHANNELS }));
  const steps = [
    { op: 'fromPlanar' as const, name: '', input: { input: 0 }, output: 0 },
    ...Array.from({ length: LAYERS }, (_, i) => convolution(i % 2, generator)),
  ];
  const plan = {
    dtype,
    inputs: [size],
    buffers,
    values,
    steps,
    outputs: [{ value: LAYERS % 2, name: 'output' }],
  };
  return { ...plan, arenaBytes: planMemory(plan) };
}

/** Weights that keep the size of the numbers. */
function convolution(input: number, generator: Generator): ConvStep {
  const weight = scope(() => keep(randn([CHANNELS, CHANNELS, 1, 1], { generator }).div(Math.sqrt(CHANNELS))));
  return {
    ...{ op: 'conv', name: '', input, output: 1 - input, weight, bias: null },
    ...{ stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 },
    ...{ pre: null, add: null, relu: false, mean: null, variance: null },
  };
}

/** GFLOP/s that kernels of this dtype reach on so many threads: the best of some runs, an image for each thread. */
export async function measurePeak(threads: number, dtype: PlanDType): Promise<number> {
  const generator = new Generator(); // the user's draws stay theirs
  const engine = await CpuEngine.start(chain(dtype, generator), {
    threads,
    keepWeights: false,
    owner: 'profile',
  });
  const x = randn([threads, CHANNELS, SIDE, SIDE], { generator });
  try {
    let best = 0;
    for (let run = 0; run < RUNS; run++) best = Math.max(best, await oneRun(engine, x, threads));
    return best;
  } finally {
    x.dispose();
    engine.dispose();
  }
}

async function oneRun(engine: CpuEngine, x: Tensor, threads: number): Promise<number> {
  const before = convolutionMs(engine);
  for (const output of await engine.run([x], undefined)) output.dispose();
  // Threads work apart, so times add up over them.
  return rate(FLOPS * LAYERS * threads, (convolutionMs(engine) - before) / threads);
}

const convolutionMs = (engine: CpuEngine): number =>
  engine.stats().steps.reduce((sum, { op, milliseconds }) => sum + (op === 'conv' ? milliseconds : 0), 0);
