import { describe, expect, it } from 'vitest';
import {
  checkpoint,
  cuda,
  DataLoader,
  Generator,
  load,
  manualSeed,
  nn,
  ones,
  rand,
  runtimeInfo,
  tensor,
  zeros,
} from '../../lib/index.ts';
import { errorOf, message, root, runChild, withScope } from '../helpers/index.ts';

const isCpuBuild = runtimeInfo().libtorch.flavour === 'cpu';
const x = () => tensor([1, 2]);
const fixturePath = `${root}/test/fixtures/checkpoint/cuda.zip.pth`;

/** Everything that needs a device, and gets none. */
const uses: Record<string, () => unknown> = {
  'zeros on cuda': () => zeros([1], { device: 'cuda' }),
  'rand on cuda:1': () => rand([1], { device: 'cuda:1' }),
  'tensor on cuda': () => tensor([1], { device: 'cuda' }),
  "x.to('cuda')": () => x().to('cuda'),
  'x.to({ device, nonBlocking })': () => x().to({ device: 'cuda:0', nonBlocking: true }),
  'x.cuda()': () => x().cuda(),
  'x.cuda(1)': () => x().cuda(1),
  'x.pinMemory()': () => x().pinMemory(),
  'zeros in pinned memory': () => zeros([1], { pinMemory: true }),
  'tensor in pinned memory': () => tensor([1], { pinMemory: true }),
  "module.to('cuda')": () => new nn.Linear(2, 1).to('cuda'),
  'module.cuda()': () => new nn.BatchNorm2d(2).cuda(),
  'a layer made on cuda': () => new nn.Conv2d(1, 1, 1, { device: 'cuda' }),
  'load with mapLocation cuda': () => load(fixturePath, { mapLocation: 'cuda' }),
  'load where it was saved': () => load(fixturePath, { mapLocation: (location) => location }),
  'loadInto with mapLocation cuda': () =>
    checkpoint.loadInto(new nn.Linear(2, 1), fixturePath, { mapLocation: 'cuda' }),
  'Generator on cuda': () => new Generator('cuda'),
  'cuda.currentDevice': () => cuda.currentDevice(),
  'cuda.setDevice': () => cuda.setDevice(0),
  'cuda.device': () => cuda.device(0, () => 1),
  'cuda.getDeviceName': () => cuda.getDeviceName(),
  'cuda.getDeviceProperties': () => cuda.getDeviceProperties(0),
  'cuda.getDeviceCapability': () => cuda.getDeviceCapability('cuda:0'),
  'cuda.synchronize': () => cuda.synchronize(),
  'cuda.memGetInfo': () => cuda.memGetInfo(),
  'cuda.resetPeakMemoryStats': () => cuda.resetPeakMemoryStats(),
  'cuda.resetAccumulatedMemoryStats': () => cuda.resetAccumulatedMemoryStats(),
  'cuda.Stream': () => new cuda.Stream(),
  'cuda.Event': () => new cuda.Event(),
  'cuda.currentStream': () => cuda.currentStream(),
  'cuda.defaultStream': () => cuda.defaultStream(),
  'cuda.getRngState': () => cuda.getRngState(),
  'cuda.setRngState': () => cuda.setRngState(x()),
  'cuda.initialSeed': () => cuda.initialSeed(),
  'cuda.CUDAGraph': () => new cuda.CUDAGraph(),
  'cuda.graphPoolHandle': () => cuda.graphPoolHandle(),
};

describe.skipIf(cuda.isAvailable())('CUDA without a device', () => {
  it.each(Object.keys(uses))('throws the reason and what to do, and does nothing on the CPU: %s', (name) => {
    withScope(() => {
      const error = errorOf(uses[name] as () => unknown);
      expect(error).toMatchObject({ name: 'TorchError', code: 'ERR_CUDA_UNAVAILABLE' });
      expect(error.message).toMatch(/; .*(npx ibn-net install-libtorch --cuda|nvidia-smi)/);
      expect(error.message).not.toMatch(/\n|Facebook|ATen_cuda|dynamic linker/);
    })();
  });

  it('says what the loaded libtorch lacks', () => {
    const reason = cuda.unavailableReason();
    expect(reason).toMatch(
      isCpuBuild
        ? /^libtorch \S+\+cpu is a CPU build; get the CUDA build with: npx ibn-net install-libtorch --cuda$/
        : /NVIDIA|GPU/,
    );
    if (!isCpuBuild) return;
    expect(message(() => zeros([1], { device: 'cuda' }))).toMatchInlineSnapshot(
      `"TorchError: aten::zeros: Could not run 'aten::empty.memory_format' with arguments from the 'CUDA' backend; this libtorch is a CPU build; get the CUDA build with: npx ibn-net install-libtorch --cuda"`,
    );
    expect(message(() => x().cuda())).toMatchInlineSnapshot(
      `"TorchError: aten::to.dtype_layout: PyTorch is not linked with support for cuda devices; this libtorch is a CPU build; get the CUDA build with: npx ibn-net install-libtorch --cuda"`,
    );
    expect(message(() => x().to('cuda'))).toMatchInlineSnapshot(
      `"TorchError: aten::to.dtype_layout: PyTorch is not linked with support for cuda devices; this libtorch is a CPU build; get the CUDA build with: npx ibn-net install-libtorch --cuda"`,
    );
    expect(message(() => x().pinMemory())).toMatchInlineSnapshot(
      `"TorchError: aten::pin_memory: Cannot access accelerator device when none is available; this libtorch is a CPU build; get the CUDA build with: npx ibn-net install-libtorch --cuda"`,
    );
    expect(message(() => zeros([1], { pinMemory: true }))).toMatchInlineSnapshot(
      `"TorchError: aten::zeros: pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator is available on this system; this libtorch is a CPU build; get the CUDA build with: npx ibn-net install-libtorch --cuda"`,
    );
    expect(message(() => new Generator('cuda'))).toMatchInlineSnapshot(
      `"TorchError: CUDA is not available: this libtorch is a CPU build; get the CUDA build with: npx ibn-net install-libtorch --cuda"`,
    );
    expect(message(() => cuda.synchronize())).toMatchInlineSnapshot(
      `"TorchError: CUDA is not available: this libtorch is a CPU build; get the CUDA build with: npx ibn-net install-libtorch --cuda"`,
    );
  });

  it(
    'leaves a module as it was when it cannot be moved',
    withScope(() => {
      const model = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2));
      const before = [...model.stateDict()].map(([key, value]) => [key, value.device, value.toArray()]);
      expect(message(() => model.to('cuda'))).toContain('TorchError');
      expect([...model.stateDict()].map(([key, value]) => [key, value.device, value.toArray()])).toEqual(
        before,
      );
    }),
  );

  it('answers questions as torch does: none, nothing, zero', () => {
    expect({
      isAvailable: cuda.isAvailable(),
      deviceCount: cuda.deviceCount(),
      isInitialized: cuda.isInitialized(),
      isBf16Supported: cuda.isBf16Supported(),
      memoryStats: cuda.memoryStats(),
      memoryAllocated: cuda.memoryAllocated(),
      maxMemoryAllocated: cuda.maxMemoryAllocated(),
      memoryReserved: cuda.memoryReserved(),
      maxMemoryReserved: cuda.maxMemoryReserved(),
      rngStates: cuda.getRngStateAll(),
      canCapture: cuda.CUDAGraph.isAvailable(),
      isCapturing: cuda.isCurrentStreamCapturing(),
    }).toEqual({
      isAvailable: false,
      deviceCount: 0,
      isInitialized: false,
      isBf16Supported: false,
      memoryStats: {},
      memoryAllocated: 0,
      maxMemoryAllocated: 0,
      memoryReserved: 0,
      maxMemoryReserved: 0,
      rngStates: [],
      canCapture: false,
      isCapturing: false,
    });
    expect(cuda.CUDAGraph.unavailableReason()).toBe(cuda.unavailableReason());
    expect(x().isPinned()).toBe(false);
  });

  it(
    'seeds and empties nothing without complaint, as torch',
    withScope(() => {
      manualSeed(1);
      const before = rand([1]).item();
      manualSeed(1);
      cuda.manualSeed(2);
      cuda.manualSeedAll(3n);
      cuda.emptyCache();
      cuda.setRngStateAll([]);
      expect(rand([1]).item()).toBe(before);
      expect(cuda.withStream(null, () => 5)).toBe(5);
    }),
  );

  it('rejects a loader that should pin its batches', async () => {
    const loader = new DataLoader({ length: 1, get: () => ones([2]) }, { pinMemory: true });
    const first = loader[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ name: 'TorchError', code: 'ERR_CUDA_UNAVAILABLE' });
  });

  it('does the same in a fresh process', async () => {
    const source = `
      const { cuda, zeros } = await import(dist + '/index.js');
      let code;
      try { zeros([1], { device: 'cuda' }); } catch (error) { code = error.code; }
      console.log(code, cuda.isAvailable(), cuda.deviceCount());`;
    const { stdout, stderr, code } = await runChild(source);
    expect([stdout, stderr, code]).toEqual(['ERR_CUDA_UNAVAILABLE false 0\n', '', 0]);
  });
});
