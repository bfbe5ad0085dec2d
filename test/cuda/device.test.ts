import { describe, expect } from 'vitest';
import {
  cuda,
  DataLoader,
  empty,
  load,
  models,
  nn,
  noGrad,
  ones,
  optim,
  rand,
  randn,
  runtimeInfo,
  save,
  scope,
  type Tensor,
  zeros,
} from '../../lib/index.ts';
import { expectClose, itOnCuda, message, tmp, withScope } from '../helpers/index.ts';

describe('devices', () => {
  itOnCuda('are counted, named and described', () => {
    expect(runtimeInfo().cuda).toEqual({ available: true, deviceCount: cuda.deviceCount(), reason: null });
    const properties = cuda.getDeviceProperties();
    expect(cuda.getDeviceName('cuda:0')).toMatch(/\w/);
    expect(cuda.getDeviceCapability(0)).toEqual([properties.major, properties.minor]);
    expect(properties).toMatchObject({ warpSize: 32, maxThreadsPerBlock: 1024 });
    expect(properties.uuid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(properties.multiProcessorCount).toBeGreaterThan(0);
    expect(properties.totalMemory).toBe(cuda.memGetInfo()[1]);
    expect(cuda.isBf16Supported()).toBe(properties.major >= 8);
  });

  itOnCuda('have a current one', () => {
    expect(cuda.currentDevice()).toBe(0);
    const last = cuda.deviceCount() - 1;
    scope(() => {
      const x = cuda.device(last, () => zeros([1], { device: 'cuda' }));
      expect(x.device).toBe(`cuda:${last}`);
      expect(message(() => cuda.device(0, async () => 1))).toContain('synchronous function for cuda.device');
    });
    expect(cuda.currentDevice()).toBe(0);
    cuda.setDevice('cuda:0');
    cuda.synchronize();
    expect(cuda.isInitialized()).toBe(true);
  });

  itOnCuda('count their memory', () => {
    const size = 4 << 20;
    const before = cuda.memoryAllocated();
    cuda.resetPeakMemoryStats();
    const x = empty([size], { device: 'cuda' });
    expect(cuda.memoryAllocated()).toBe(before + 4 * size);
    x.dispose();
    expect([cuda.memoryAllocated(), cuda.maxMemoryAllocated()]).toEqual([before, before + 4 * size]);
    expect(cuda.memoryReserved()).toBeGreaterThanOrEqual(4 * size);
    cuda.emptyCache();
    expect(cuda.memoryReserved()).toBeLessThan(cuda.maxMemoryReserved());
    const stats = cuda.memoryStats(0);
    expect(stats).toMatchObject({ num_ooms: 0, 'allocated_bytes.all.current': before });
    expect(Object.keys(stats)).toEqual(
      expect.arrayContaining(['segment.large_pool.peak', 'oversize_allocations.freed', 'num_alloc_retries']),
    );
    cuda.resetAccumulatedMemoryStats();
    expect(cuda.memoryStats()['allocated_bytes.all.freed']).toBe(0);
    const [free, total] = cuda.memGetInfo();
    expect(free).toBeLessThan(total);
  });

  itOnCuda('draw random numbers from their own states', () => {
    scope(() => {
      cuda.manualSeed(7);
      expect(cuda.initialSeed()).toBe(7n);
      const state = cuda.getRngState();
      const first = rand([4], { device: 'cuda' }).toArray();
      cuda.setRngState(state);
      expect(rand([4], { device: 'cuda' }).toArray()).toEqual(first);
      cuda.manualSeedAll(7);
      expect(rand([4], { device: 'cuda' }).toArray()).toEqual(first);
      const states = cuda.getRngStateAll();
      const next = rand([4], { device: 'cuda' }).toArray();
      cuda.setRngStateAll(states);
      expect(rand([4], { device: 'cuda' }).toArray()).toEqual(next);
    });
  });
});

describe('streams and events', () => {
  itOnCuda(
    'run work beside each other and wait where they are told',
    withScope(() => {
      const side = new cuda.Stream({ priority: -1 });
      expect([side.device, side.equals(cuda.currentStream()), side.cudaStream === 0n]).toEqual([
        'cuda:0',
        false,
        false,
      ]);
      expect(cuda.currentStream().equals(cuda.defaultStream())).toBe(true);
      const x = randn([512, 512], { device: 'cuda' });
      side.waitStream(cuda.currentStream());
      const y = cuda.withStream(side, () => {
        expect(cuda.currentStream().equals(side)).toBe(true);
        return x.matmul(x);
      });
      x.recordStream(side);
      cuda.currentStream().waitStream(side);
      y.recordStream(cuda.currentStream());
      expectClose(y.cpu(), x.matmul(x).cpu());
      expect(cuda.currentStream().equals(cuda.defaultStream())).toBe(true);
      cuda.setStream(side);
      expect(cuda.currentStream().equals(side)).toBe(true);
      cuda.setStream(cuda.defaultStream());
      side.synchronize();
      expect(side.query()).toBe(true);
    }),
  );

  itOnCuda(
    'measure time between events',
    withScope(() => {
      const start = new cuda.Event({ enableTiming: true });
      const end = new cuda.Event({ enableTiming: true });
      expect(start.query()).toBe(true);
      const x = randn([1024, 1024], { device: 'cuda' });
      start.record();
      for (let i = 0; i < 10; i++) x.matmul(x).dispose();
      end.record();
      end.synchronize();
      expect(start.elapsedTime(end)).toBeGreaterThan(0);
      const plain = new cuda.Event().record();
      plain.wait();
      expect(message(() => plain.elapsedTime(end))).toContain('TorchError: Both events must be created with');
    }),
  );

  itOnCuda('can be awaited', async () => {
    const x = randn([2048, 2048], { device: 'cuda' });
    for (let i = 0; i < 100; i++) x.matmul(x).dispose();
    const stream = cuda.currentStream();
    await stream.synchronizeAsync();
    expect(stream.query()).toBe(true);
    x.dispose();
  });
});

describe('modules, training, checkpoints and loaders take a device', () => {
  itOnCuda('runs resnet18_ibn_a as on the CPU, also in channels_last', () => {
    const model = models.resnet18_ibn_a({ numClasses: 10 }).eval();
    scope(() => {
      const x = randn([2, 3, 64, 64]);
      const want = noGrad(() => model.forward(x) as Tensor);
      model.cuda();
      const close = { rtol: 1e-2, atol: 1e-2 };
      expectClose(noGrad(() => model.forward(x.cuda()) as Tensor).cpu(), want, close);
      model.to({ memoryFormat: 'channels_last', nonBlocking: true });
      const input = x.cuda(0, { memoryFormat: 'channels_last' });
      expectClose(noGrad(() => model.forward(input) as Tensor).cpu(), want, close);
    });
  });

  itOnCuda('trains, saves, and goes on from the checkpoint on the device', () => {
    const file = `${tmp()}/training.pt`;
    const make = () => {
      const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 1)).cuda();
      return { model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }) };
    };
    const step = ({ model, optimizer }: ReturnType<typeof make>) =>
      scope(() => {
        optimizer.zeroGrad();
        (model.forward(ones([3, 4], { device: 'cuda' })) as Tensor).pow(2).mean().backward();
        optimizer.step();
      });
    const first = make();
    step(first);
    save({ model: first.model.stateDict(), optimizer: first.optimizer.stateDict() }, file);
    step(first);
    const second = make();
    const saved = load<{ model: Map<string, Tensor>; optimizer: object }>(file, { mapLocation: 'cuda' });
    expect(saved.model.get('0.weight')?.device).toBe('cuda:0');
    second.model.loadStateDict(saved.model);
    second.optimizer.loadStateDict(saved.optimizer);
    const [weight] = second.model.parameters();
    const state = second.optimizer.state.get(weight as nn.Parameter);
    expect(state?.momentumBuffer).toMatchObject({ device: 'cuda:0' });
    step(second);
    for (const [key, value] of second.model.stateDict()) {
      expectClose(value.cpu(), (first.model.stateDict().get(key) as Tensor).cpu());
    }
    expect(load<{ model: Map<string, Tensor> }>(file).model.get('0.weight')?.device).toBe('cpu');
  });

  itOnCuda('loads a state dict from the CPU into a module on the device', () => {
    const source = new nn.Linear(3, 2);
    const target = new nn.Linear(3, 2, { device: 'cuda' });
    target.loadStateDict(source.stateDict());
    expect(target.weight.device).toBe('cuda:0');
    expectClose(target.weight.cpu(), source.weight);
  });

  itOnCuda('gives batches in page-locked memory', async () => {
    const dataset = { length: 4, get: (i: number) => [ones([2]).mul(i), i] as [Tensor, number] };
    const loader = new DataLoader(dataset, { batchSize: 2, pinMemory: true });
    const seen: unknown[] = [];
    for await (const [x, labels] of loader) {
      expect([x.isPinned(), labels.isPinned()]).toEqual([true, true]);
      const there = x.to('cuda', { nonBlocking: true });
      seen.push(there.sum().item());
    }
    expect(seen).toEqual([2, 10]);
  });
});
