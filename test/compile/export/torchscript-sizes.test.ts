import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { BufferSource } from '../../../lib/checkpoint/byte-source.ts';
import { ZipReader } from '../../../lib/checkpoint/zip/reader.ts';
import {
  cat,
  exportTorchScript,
  manualSeed,
  models,
  nn,
  noGrad,
  ones,
  ops,
  randn,
  save,
  setNumThreads,
  type Tensor,
  tensor,
} from '../../../lib/index.ts';
import { withFusedNorms } from '../../../lib/nn/ibn-ops.ts';
import { noPythonTorch, runPython } from '../../checkpoint/python-torch.ts';
import { errorOf, tmp } from '../../helpers/index.ts';

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

type Forward = (x: Tensor, net: Net) => Tensor | Tensor[];

/** A convolution to 4 channels, then whatever a test does with it. */
class Net extends nn.Module {
  conv = new nn.Conv2d(3, 4, 3, { padding: 1, stride: 2 });
  fc = new nn.Linear(4, 2);
  wide = new nn.Linear(4 * 16 * 16, 2);
  nonLocal = new NonLocal();
  instance = new nn.InstanceNorm2d(4, { affine: true });
  squeeze = new models.SELayer(4, 2);
  pos: nn.Parameter | null;
  readonly #run: Forward;

  constructor(run: Forward, positions = 0) {
    super();
    this.#run = run;
    this.pos = positions > 0 ? new nn.Parameter(randn([1, 4, positions, positions])) : null;
  }

  forward(x: Tensor): Tensor | Tensor[] {
    return this.#run(this.conv.forward(x), this);
  }
}

/** `softmax(q k^T) v` over all places, as Wang et al. (CVPR 2018) add it to a stage. */
class NonLocal extends nn.Module {
  theta = new nn.Conv2d(4, 2, 1);
  phi = new nn.Conv2d(4, 2, 1);
  g = new nn.Conv2d(4, 2, 1);
  out = new nn.Conv2d(2, 4, 1);

  forward(x: Tensor): Tensor {
    const [n, , h, w] = x.shape as [number, number, number, number];
    const flat = (conv: nn.Conv2d) => conv.forward(x).view([n, 2, h * w]);
    const weights = flat(this.theta).transpose(1, 2).matmul(flat(this.phi)).softmax(-1); // (N, HW, HW)
    const mixed = weights.matmul(flat(this.g).transpose(1, 2)); // (N, HW, 2)
    return x.add(this.out.forward(mixed.transpose(1, 2).reshape([n, 2, h, w])));
  }
}

const size = (x: Tensor, dim: number) => x.shape[dim] as number;

/** Forwards that work at any size. */
const FREE: Record<string, Forward> = {
  'a window over the whole map': (x) => ops.aten.avg_pool2d(x, x.shape.slice(-2)),
  'adaptive pools': (x) =>
    cat([new nn.AdaptiveAvgPool2d(3).forward(x), new nn.AdaptiveMaxPool2d([3, 3]).forward(x)], 1).flatten(1),
  'an adaptive pool of one side': (x) => new nn.AdaptiveAvgPool2d([null, 1]).forward(x),
  'instance normalisation': (x, { instance }) => instance.forward(x),
  'squeeze and excitation': (x, { squeeze }) => squeeze.forward(x),
  'a non-local block': (x, { nonLocal }) => nonLocal.forward(x),
  'a reshape to the sizes': (x, { fc }) =>
    fc.forward(x.permute([0, 2, 3, 1]).reshape([size(x, 0) * size(x, 2) * size(x, 3), 4])),
  'an upsampling to a multiple': (x) =>
    nn.functional.interpolate(x, { size: [2 * size(x, 2), 2 * size(x, 3)], mode: 'bilinear' }),
  'tensors of the sizes': (x) => x.add(ones([1, 1, size(x, 2), size(x, 3)])),
  'a pyramid to the size of its base': (x) => [
    x,
    nn.functional.interpolate(nn.functional.maxPool2d(x, 3, { stride: 2 }), {
      size: [size(x, 2), size(x, 3)],
    }),
  ],
};

/** Forwards that work at one size, or in another way at others; the reasons given. */
const BOUND: Record<string, { run: Forward; reason: RegExp; positions?: number }> = {
  'an embedding of positions': {
    run: (x, { pos }) => x.add(pos as Tensor),
    positions: 16,
    reason: /^\[3, 3, 64, 96\] is refused: aten::add/,
  },
  'a flatten before a linear layer': {
    run: (x, { wide }) => wide.forward(x.flatten(1)),
    reason: /^\[3, 3, 64, 96\] is refused: /,
  },
  'a number made of a size': {
    run: (x) => x.mul(1 / Math.sqrt(size(x, 2) * size(x, 3))),
    reason: /^its mul takes a constant that depends on them$/,
  },
  'a tensor made of a size': {
    run: (x) => x.mul(tensor([size(x, 2) / size(x, 3)])),
    reason: /^its to takes a constant that depends on them$/,
  },
  'half of a size': {
    run: (x) => x.narrow(2, 0, Math.floor(size(x, 2) / 2)).narrow(3, 0, size(x, 3) >> 1),
    reason: /^its narrow takes 8 and 16$/,
  },
  'a branch on a size': {
    run: (x) => (size(x, 2) + size(x, 3) > 32 ? x.relu() : x.sigmoid()),
    reason: /not done alike$/,
  },
};

/** The Python-like text in a TorchScript file. */
function codeOf(path: string): string {
  const zip = new ZipReader(new BufferSource(readFileSync(path), { path, name: path }));
  const entries = [...zip.entries.values()].filter(({ name }) => name.endsWith('.py'));
  return entries.map((entry) => Buffer.from(zip.read(entry)).toString()).join('\n');
}

const build = (run: Forward, positions = 0) => new Net(run, positions).eval();
const inputs = [[1, 3, 32, 32]];

describe('sizes of an exported network', () => {
  it.each(Object.keys(FREE))('may be others where it has %s', (name) => {
    const path = join(tmp(), 'net.pt');
    const { inputs: taken, fixedBecause } = exportTorchScript(build(FREE[name] as Forward), path, { inputs });
    expect(fixedBecause).toBeNull();
    expect(taken[0]?.map((each) => typeof each)).toEqual(['object', 'number', 'object', 'object']);
  });

  it.each(Object.keys(BOUND))('are those of the inputs where it has %s', (name) => {
    const { run, positions, reason } = BOUND[name] as (typeof BOUND)[string];
    const path = join(tmp(), 'net.pt');
    const result = exportTorchScript(build(run, positions), path, { inputs });
    expect(result.inputs).toEqual([[{ atLeast: 0 }, 3, 32, 32]]);
    expect(result.fixedBecause).toMatch(reason);
    expect(codeOf(path)).toContain('Expected x of shape [N, 3, 32, 32], got {}');
  });

  it('vary one by one where not all may', () => {
    const path = join(tmp(), 'net.pt');
    const rows = build((x) => x.mul(1 / size(x, 2)));
    expect(exportTorchScript(rows, path, { inputs })).toEqual({
      inputs: [[{ atLeast: 0 }, 3, 32, { atLeast: 1 }]],
      fixedBecause: 'its mul takes a constant that depends on them',
    });
  });

  it('reach down to the least that the network takes', () => {
    const path = join(tmp(), 'net.pt');
    const net = build((x, { instance }) => instance.forward(nn.functional.maxPool2d(x, 4)));
    expect(exportTorchScript(net, path, { inputs: [[1, 3, 64, 48]] }).inputs).toEqual([
      [{ atLeast: 0 }, 3, { atLeast: 16 }, { atLeast: 12 }],
    ]);
  });

  it('are fixed on request, the batch too', () => {
    const path = join(tmp(), 'net.pt');
    const net = build(FREE['a window over the whole map'] as Forward);
    const options = { inputs: [[7, 3, 32, 32]], dynamicSizes: false };
    expect(exportTorchScript(net, path, options)).toEqual({
      inputs: [[{ atLeast: 0 }, 3, 32, 32]],
      fixedBecause: null,
    });
    expect(exportTorchScript(net, path, { ...options, dynamicBatch: false }).inputs).toEqual([
      [7, 3, 32, 32],
    ]);
  });

  it('do not matter to where ops of the package are used: none is written', () => {
    const path = join(tmp(), 'net.pt');
    const model = models.resnet18_ibn_b({ widths: [4, 4, 4, 4], numClasses: 3 }).eval();
    withFusedNorms('always', () => exportTorchScript(model, path, { inputs }));
    expect(codeOf(path)).toContain('instance_norm');
    expect(codeOf(path)).not.toContain('ops.ibn');
  });

  it('that an op cannot follow in the batch are an error, and no file', () => {
    const path = join(tmp(), 'net.pt');
    const net = build((x) => x.narrow(2, 0, 7 + (size(x, 0) % 2)));
    expect(errorOf(() => exportTorchScript(net, path, { inputs })).message).toMatchInlineSnapshot(
      `"Expected a forward that does the same for every batch size for exportTorchScript, got 1, 2 and 3 images of which its narrow takes 7 and 8; leave sizes to ops (-1, flatten), or pass dynamicBatch: false"`,
    );
    expect(existsSync(path)).toBe(false);
  });
});

/** One of each kind; deeper ones have more of the same blocks. */
const KINDS = [
  'resnet18',
  'resnet18_ibn_a',
  'resnet18_ibn_b',
  'resnet50_ibn_a',
  'resnet50_ibn_b',
  'resnext50_32x4d',
  'resnext50_ibn_a',
  'se_resnet50_ibn_a',
  'densenet121',
  'densenet121_ibn_a',
];

const tiny = (name: string): nn.Module => {
  const width = /^(se_|resnext)/.test(name) ? 16 : 4;
  const options = name.startsWith('densenet')
    ? { growthRate: 2, numInitFeatures: 4, numClasses: 3 }
    : { widths: [width, width, width, width], numClasses: 3 };
  return models.getModel(name, options as never).eval();
};
const SIZES = [
  [5, 192, 192],
  [1, 224, 224],
  [1, 256, 320],
  [1, 71, 103],
];

/** Writes inputs of several sizes and what the network makes of them beside the file. */
function writeCase(folder: string, name: string, model: nn.Module, sizes: readonly number[][]): void {
  const cases = sizes.map(([n, h, w]) => {
    const x = randn([n as number, 3, h as number, w as number]);
    return { x, y: [noGrad(() => model.forward(x)) as Tensor | Tensor[]].flat() };
  });
  save({ cases }, join(folder, `${name}.pth`));
}

const COMPARE = `
import sys, torch
torch.set_num_threads(1)
for name in sys.argv[2:]:
    module = torch.jit.load(f'{sys.argv[1]}/{name}.pt')
    worst = 0
    for case in torch.load(f'{sys.argv[1]}/{name}.pth', weights_only=True)['cases']:
        with torch.no_grad():
            y = module(case['x'])
        y = [y] if torch.is_tensor(y) else list(y)
        assert [a.shape for a in y] == [b.shape for b in case['y']], name
        worst = max([worst] + [((a - b).abs().max() / (b.abs().max() + 1e-9)).item() for a, b in zip(y, case['y'])])
    print(name, worst < 1e-5)
`;

describe.skipIf(noPythonTorch)('an exported network in Python', () => {
  it('gives networks of each kind at any size', () => {
    const folder = tmp();
    for (const name of KINDS) {
      const model = tiny(name);
      const path = join(folder, `${name}.pt`);
      const { fixedBecause } = exportTorchScript(model, path, { inputs: [[1, 3, 64, 64]] });
      expect(fixedBecause).toBeNull();
      writeCase(folder, name, model, SIZES);
    }
    const lines = runPython(COMPARE, folder, ...KINDS)
      .trim()
      .split('\n');
    expect(lines).toEqual(KINDS.map((name) => `${name} True`));
  });

  it('gives each forward above at other sizes', () => {
    const folder = tmp();
    const names = Object.values(FREE).map((run, i) => {
      const net = build(run);
      exportTorchScript(net, join(folder, `net${i}.pt`), { inputs });
      writeCase(folder, `net${i}`, net, SIZES);
      return `net${i}`;
    });
    const lines = runPython(COMPARE, folder, ...names)
      .trim()
      .split('\n');
    expect(lines).toEqual(names.map((name) => `${name} True`));
  });

  it('refuses what it was not written for by name', () => {
    const folder = tmp();
    const { run, positions } = BOUND['an embedding of positions'] as (typeof BOUND)[string];
    exportTorchScript(build(run, positions), join(folder, 'bound.pt'), { inputs });
    exportTorchScript(tiny('resnet18_ibn_a'), join(folder, 'free.pt'), { inputs: [[1, 3, 64, 64]] });
    exportTorchScript(tiny('resnet18_ibn_a'), join(folder, 'two.pt'), {
      inputs: [[2, 3, 64, 64]],
      dynamicBatch: false,
    });
    const program = `
import sys, torch
bound, free, two = [torch.jit.load(f'{sys.argv[1]}/{name}.pt') for name in ('bound', 'free', 'two')]
def attempt(module, x):
    try:
        print(list(module(x).shape))
    except Exception as error:
        print(str(error).strip().splitlines()[-1])
attempt(bound, torch.zeros(4, 3, 32, 32))
attempt(bound, torch.zeros(4, 3, 34, 32))
attempt(free, torch.zeros(1, 1, 64, 64))
attempt(free, torch.zeros(3, 64, 64))
attempt(free, torch.zeros(1, 3, 4, 64))
attempt(free, torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
attempt(free, torch.zeros(1, 3, 64, 64).half())
attempt(free.double(), torch.zeros(1, 3, 64, 64).double())
attempt(two, torch.zeros(2, 3, 96, 64))
attempt(two, torch.zeros(1, 3, 64, 64))
`;
    expect(runPython(program, folder)).toMatchInlineSnapshot(`
      "[4, 4, 16, 16]
      RuntimeError: AssertionError: Expected x of shape [N, 3, 32, 32], got [4, 3, 34, 32]
      RuntimeError: AssertionError: Expected x of shape [N, 3, H >= 32, W >= 32], got [1, 1, 64, 64]
      RuntimeError: AssertionError: Expected x of shape [N, 3, H >= 32, W >= 32], got [3, 64, 64]
      RuntimeError: AssertionError: Expected x of shape [N, 3, H >= 32, W >= 32], got [1, 3, 4, 64]
      RuntimeError: AssertionError: Expected x with the dtype of conv1.weight, which was float32 when this file was written; convert one of them
      RuntimeError: AssertionError: Expected x with the dtype of conv1.weight, which was float32 when this file was written; convert one of them
      [1, 3]
      [2, 3]
      RuntimeError: AssertionError: Expected x of shape [2, 3, H >= 32, W >= 32], got [1, 3, 64, 64]
      "
    `);
  });
});
