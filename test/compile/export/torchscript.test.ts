import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import * as checkpoint from '../../../lib/checkpoint/index.ts';
import {
  exportTorchScript,
  load,
  manualSeed,
  models,
  nn,
  noGrad,
  randn,
  save,
  setNumThreads,
  type Tensor,
} from '../../../lib/index.ts';
import { noPythonTorch, runPython } from '../../checkpoint/python-torch.ts';
import { errorOf, tmp } from '../../helpers/index.ts';

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

const small = { widths: [8, 8, 8, 8] as const, numClasses: 5 };
const inputs = [[1, 3, 64, 64]];

class Net extends nn.Module {
  fc = new nn.Linear(4, 2);
  readonly #run: (x: Tensor, fc: nn.Linear) => Tensor | Tensor[];

  constructor(run: (x: Tensor, fc: nn.Linear) => Tensor | Tensor[]) {
    super();
    this.#run = run;
  }

  forward(x: Tensor): Tensor | Tensor[] {
    return this.#run(x, this.fc);
  }
}

const network = (run: (x: Tensor, fc: nn.Linear) => Tensor | Tensor[]) => new Net(run).eval();

describe('export to TorchScript', () => {
  it('writes an archive with code and tensors, and nothing beside it', () => {
    const folder = tmp();
    const path = join(folder, 'model.pt');
    const model = models.resnet18_ibn_a(small).eval();
    exportTorchScript(model, path, { inputs });
    const text = readFileSync(path).toString('latin1');
    expect(text).toContain('archive/code/__torch__/ibn_net.py');
    expect(text).toContain('archive/data.pkl');
    const keys = [...checkpoint.stateDictOf(load(path)).keys()];
    expect(keys.filter((key) => !model.stateDict().has(key))).toEqual([]);
    expect(keys).toContain('layer1.0.bn1.IN.weight');
    expect(readdirSync(folder)).toEqual(['model.pt']);
  });

  it.each(['training', 'values', 'batch'] as const)('refuses what depends on %s', (kind) => {
    const path = join(tmp(), 'model.pt');
    const nets = {
      training: () => models.resnet18_ibn_a(small),
      values: () => network((x) => (Number(x.sum().item()) > 0 ? x.relu() : x)),
      batch: () => network((x, fc) => fc.forward(x.flatten(1)).add((x.shape[0] as number) % 2)),
    };
    const { code } = errorOf(() => exportTorchScript(nets[kind](), path, { inputs: [[1, 4, 1, 1]] })) as {
      code?: string;
    };
    const codes = {
      training: 'ERR_COMPILE_TRAINING',
      values: 'ERR_COMPILE_DATA_DEPENDENT',
      batch: 'ERR_COMPILE_BATCH',
    };
    expect(code).toBe(codes[kind]);
    expect(existsSync(path)).toBe(false);
  });

  it('leaves nothing where the file cannot be written', () => {
    const path = join(tmp(), 'none', 'model.pt');
    const net = models.resnet18_ibn_a(small).eval();
    expect(errorOf(() => exportTorchScript(net, path, { inputs })).message).toContain('ENOENT');
    const options = { inputs: [[0, 3, 8, 8]] };
    expect(errorOf(() => exportTorchScript(net, path, options)).message).toMatchInlineSnapshot(
      `"Expected shapes for exportTorchScript inputs, such as [[1, 3, 224, 224]], got [[0,3,8,8]]"`,
    );
  });

  it.skipIf(noPythonTorch)('gives a file that Python runs to the same numbers, for any batch size', () => {
    const folder = tmp();
    const cases: Record<string, [nn.Module, number[]]> = {
      resnet: [models.resnet18_ibn_a(small).eval(), [3, 3, 64, 64]],
      instance: [models.resnet18_ibn_b(small).eval(), [1, 3, 64, 64]],
      pair: [network((x, fc) => [fc.forward(x.flatten(1)), x.relu()]), [5, 4, 1, 1]],
      fixed: [network((x, fc) => fc.forward(x.flatten(1)).add((x.shape[0] as number) - 1)), [2, 4, 1, 1]],
    };
    for (const [name, [net, shape]] of Object.entries(cases)) {
      const dynamicBatch = name !== 'fixed';
      exportTorchScript(net, join(folder, `${name}.pt`), { inputs: [shape], dynamicBatch });
      const x = randn(shape);
      const y = noGrad(() => net.forward(x)) as Tensor | Tensor[];
      save({ x, y: [y].flat(), keys: [...net.stateDict().keys()] }, join(folder, `${name}.pth`));
    }
    const program = `
import sys, torch
for name in sys.argv[2:]:
    module = torch.jit.load(f'{sys.argv[1]}/{name}.pt')
    saved = torch.load(f'{sys.argv[1]}/{name}.pth', weights_only=True)
    assert list(module.state_dict()) == saved['keys'], name
    with torch.no_grad():
        y = module(saved['x'])
    y = [y] if torch.is_tensor(y) else list(y)
    assert len(y) == len(saved['y'])
    print(name, all(torch.allclose(a, b, rtol=1e-6, atol=1e-6) for a, b in zip(y, saved['y'])))
`;
    expect(
      runPython(program, folder, ...Object.keys(cases))
        .trim()
        .split('\n'),
    ).toEqual(Object.keys(cases).map((name) => `${name} True`));
  });
});
