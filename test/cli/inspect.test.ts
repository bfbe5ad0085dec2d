import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadInto, save, saveSafetensors } from '../../lib/checkpoint/index.ts';
import { inspectCheckpoint, reportJson } from '../../lib/cli/inspect/report.ts';
import { formatReport } from '../../lib/cli/inspect/tree.ts';
import * as models from '../../lib/models/index.ts';
import { utils } from '../../lib/nn/index.ts';
import { memoryStats, ones, type Tensor, tensor, zeros } from '../../lib/tensor/index.ts';
import { fixturePath } from '../checkpoint/fake-backend.ts';
import { noPythonTorch, runPython } from '../checkpoint/python-torch.ts';
import { errorOf } from '../helpers/errors.ts';
import { dist } from '../helpers/files.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ibn-inspect-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function saved(name: string, value: unknown): string {
  const path = join(scratch, name);
  save(value, path);
  return path;
}

type State = Map<string, Tensor>;

const stateOf = (model: string, options: object = {}): State =>
  new Map(utils.skipInit(() => models.getModel(model, options as models.ModelOptions)).stateDict());

const renamed = (state: State, change: (key: string) => string | undefined): State =>
  new Map(
    [...state].flatMap(([key, value]) => (change(key) === undefined ? [] : [[change(key) as string, value]])),
  );

const body = (state: State, prefix: string): State =>
  renamed(state, (key) => (/^(fc|classifier)\./.test(key) ? undefined : prefix + key));

const text = (path: string, options = {}) =>
  formatReport(inspectCheckpoint(path, options)).replaceAll(scratch, '<scratch>');

describe('inspect, for people', () => {
  it('shows a training checkpoint of Python as a tree', () => {
    expect(
      text(fixturePath('training.zip.pth')).replaceAll(/'[^']*training/g, "'<folder>/training"),
    ).toMatchInlineSnapshot(`
      "training.zip.pth: zip, 6.94 kB, 15 tensors of 1.08 kB
        epoch  1
        state_dict  (9 entries)
          0.weight               float32 [4, 3, 3, 3] 432 B
          0.bias                 float32 [4] 16 B
          1.weight               float32 [4] 16 B
          1.bias                 float32 [4] 16 B
          1.running_mean         float32 [4] 16 B
          1.running_var          float32 [4] 16 B
          1.num_batches_tracked  int64 [] 8 B
          4.weight               float32 [2, 4] 32 B
          4.bias                 float32 [2] 8 B
        acc  12.5
        best_acc  62.5
        optimizer  (2 entries)
          state  (6 entries)
            0  (1 entry)
              momentum_buffer  float32 [4, 3, 3, 3] 432 B
            1  (1 entry)
              momentum_buffer  float32 [4] 16 B
            2  (1 entry)
              momentum_buffer  float32 [4] 16 B
            3  (1 entry)
              momentum_buffer  float32 [4] 16 B
            4  (1 entry)
              momentum_buffer  float32 [2, 4] 32 B
            5  (1 entry)
              momentum_buffer  float32 [2] 8 B
          param_groups  (list of 1 entry)
            0  (11 entries)
              lr  0.1
              momentum  0.9
              dampening  0
              weight_decay  0
              nesterov  false
              maximize  false
              foreach  null
              differentiable  false
              fused  null
              initial_lr  0.1
              params  [0, 1, 2, 3, 4, 5]
        scheduler  (8 entries)
          milestones  (2 entries)
            30  1
            60  1
          gamma  0.1
          base_lrs  [0.1]
          last_epoch  0
          _step_count  1
          _is_initial  false
          _get_lr_called_within_step  false
          _last_lr  [0.1]

      State dict: under "state_dict", 9 keys
      Network: none that this package has

      To load it:
        const state = checkpoint.stateDictOf(load('<folder>/training.zip.pth'));"
    `);
  });

  it('shows numbers, NaN and infinities with --stats, of the keys that were asked for', () => {
    const state = new Map<string, Tensor>([
      ['a.weight', tensor([1, 2, Number.NaN, 4])],
      ['a.bias', tensor([1, Number.POSITIVE_INFINITY])],
      ['b.weight', tensor([1.5, -2], { dtype: 'float16' })],
      ['b.count', tensor([3n])],
      ['b.mask', tensor([true, false])],
      ['b.empty', zeros([0])],
      ['c.nothing', tensor([Number.NaN])],
    ]);
    expect(text(saved('stats.pth', state), { stats: true })).toMatchInlineSnapshot(`
      "stats.pth: zip, 2.36 kB, 7 tensors of 42 B
        a.weight   float32 [4] 16 B  min 1 max 4 mean 2.333, 1 NaN
        a.bias     float32 [2] 8 B  min 1 max 1 mean 1, 1 infinite
        b.weight   float16 [2] 4 B  min -2 max 1.5 mean -0.25
        b.count    int64 [1] 8 B  min 3 max 3 mean 3
        b.mask     bool [2] 2 B  min 0 max 1 mean 0.5
        b.empty    float32 [0] 0 B  min - max - mean -
        c.nothing  float32 [1] 4 B  min - max - mean -, 1 NaN

      State dict: the file itself, 7 keys
      Network: none that this package has

      To load it:
        const state = checkpoint.stateDictOf(load('<scratch>/stats.pth'));"
    `);
    expect(
      text(saved('stats.pth', state), { stats: true, keys: 'a.*' }).split('\n').slice(0, 3),
    ).toMatchInlineSnapshot(`
      [
        "stats.pth: zip, 2.36 kB, 2 tensors of 24 B",
        "  a.weight  float32 [4] 16 B  min 1 max 4 mean 2.333, 1 NaN",
        "  a.bias    float32 [2] 8 B  min 1 max 1 mean 1, 1 infinite",
      ]
    `);
  });

  it('names shared storages, long lists in short, and control characters harmlessly', () => {
    const shared = zeros([4]);
    const path = saved('shared.pth', {
      state_dict: new Map([
        ['a', shared],
        ['b', shared.narrow(0, 0, 2)],
        ['c', ones([1])],
        ['\u001b[2J', ones([1])],
      ]),
      losses: Array.from({ length: 1000 }, (_, i) => i / 10),
      name: `${'x'.repeat(200)}`,
    });
    expect(text(path)).toMatchInlineSnapshot(`
      "shared.pth: zip, 10.2 kB, 4 tensors of 32 B
        state_dict  (4 entries)
          a     float32 [4] 16 B
          b     float32 [2] 8 B
          c     float32 [1] 4 B
          ?[2J  float32 [1] 4 B
        losses  [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, ... (1000)]
        name  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."

      Shared storage: state_dict.a, state_dict.b
      State dict: under "state_dict", 4 keys
      Network: none that this package has

      To load it:
        const state = checkpoint.stateDictOf(load('<scratch>/shared.pth'));"
    `);
  });
});

describe('inspect recognises networks and layouts', () => {
  const cases: [string, () => State, object][] = [
    [
      'IBN-Net',
      () => stateOf('resnet50_ibn_a'),
      { model: 'resnet50_ibn_a', prefix: '', numClasses: 1000, hasOwnHead: true },
    ],
    [
      'IBN-Net',
      () => renamed(stateOf('resnet18_ibn_b', { numClasses: 7 }), (key) => `module.${key}`),
      { model: 'resnet18_ibn_b', prefix: 'module.', numClasses: 7 },
    ],
    [
      'IBN-Net',
      () => stateOf('densenet121_ibn_a', { numClasses: 3 }),
      { model: 'densenet121_ibn_a', numClasses: 3, hasOwnHead: true },
    ],
    ['IBN-Net', () => stateOf('se_resnet50_ibn_a'), { model: 'se_resnet50_ibn_a' }],
    ['IBN-Net', () => stateOf('resnext50_ibn_a'), { model: 'resnext50_ibn_a' }],
    ['torchvision', () => stateOf('resnet50'), { model: 'resnet50', numClasses: 1000 }],
    ['torchvision', () => stateOf('resnext50_32x4d'), { model: 'resnext50_32x4d' }],
    ['torchvision', () => stateOf('densenet121'), { model: 'densenet121' }],
    [
      'torchvision',
      () => stateOf('resnet18', { inChannels: 1, stem: 'small', numClasses: 10 }),
      { model: 'resnet18', options: { inChannels: 1, stem: 'small' } },
    ],
    [
      'fast-reid',
      () =>
        body(stateOf('resnet50_ibn_a'), 'backbone.')
          .set('heads.bottleneck.0.weight', ones([2048]))
          .set('heads.weight', zeros([751, 2048])),
      {
        model: 'resnet50_ibn_a',
        prefix: 'backbone.',
        head: 'heads.weight',
        numClasses: 751,
        hasOwnHead: false,
      },
    ],
    [
      'reid-strong-baseline',
      () =>
        body(stateOf('resnet50_ibn_a'), 'base.')
          .set('bottleneck.weight', ones([2048]))
          .set('classifier.weight', zeros([702, 2048])),
      { prefix: 'base.', head: 'classifier.weight', numClasses: 702 },
    ],
    [
      'torchreid',
      () =>
        body(stateOf('resnet50_ibn_a'), '')
          .set('classifier.weight', zeros([1041, 2048]))
          .set('classifier.bias', zeros([1041])),
      { model: 'resnet50_ibn_a', numClasses: 1041, hasOwnHead: false },
    ],
    [
      'IBN-Net',
      () =>
        renamed(stateOf('resnet18_ibn_a'), (key) => (key.endsWith('num_batches_tracked') ? undefined : key)),
      { model: 'resnet18_ibn_a', others: [] },
    ],
  ];

  it.each(cases)('%s: %#', (layout, make, expected) => {
    const path = saved('network.pth', { state_dict: make(), epoch: 3 });
    const { network } = inspectCheckpoint(path);
    expect(network).toMatchObject({ layout, ...expected });
    expect(network?.fitting).toBe(network?.total);
  });

  it('gives commands that load the file', () => {
    const files: [string, State][] = [
      ['plain.pth', stateOf('resnet18_ibn_a')],
      ['parallel.pth', renamed(stateOf('resnet18_ibn_a', { numClasses: 5 }), (key) => `module.${key}`)],
      ["it's.pth", body(stateOf('resnet18_ibn_a'), 'backbone.').set('heads.weight', zeros([9, 512]))],
    ];
    const commands = files.map(([name, state]) => {
      const path = saved(name, state);
      const { commands: found } = inspectCheckpoint(path);
      // As a user would: the text itself is run.
      const checkpoint = { loadInto };
      const run = new Function('models', 'checkpoint', `${found.typescript}; return model;`);
      const model = run(models, checkpoint) as models.ImageModel;
      const first = [...state.values()][0] as Tensor;
      expect(model.stateDict().get('conv1.weight')?.toArray()).toEqual(first.toArray());
      return found;
    });
    expect(JSON.stringify(commands, null, 1).replaceAll(scratch, '<scratch>')).toMatchInlineSnapshot(`
      "[
       {
        "cli": "npx ibn-net classify photo.jpg --checkpoint <scratch>/plain.pth --model resnet18_ibn_a",
        "typescript": "const model = models.resnet18_ibn_a();\\ncheckpoint.loadInto(model, '<scratch>/plain.pth');"
       },
       {
        "cli": "npx ibn-net classify photo.jpg --checkpoint <scratch>/parallel.pth --model resnet18_ibn_a",
        "typescript": "const model = models.resnet18_ibn_a({ numClasses: 5 });\\ncheckpoint.loadInto(model, '<scratch>/parallel.pth', { stripPrefix: 'module.' });"
       },
       {
        "typescript": "const model = models.resnet18_ibn_a();\\ncheckpoint.loadInto(model, '<scratch>/it\\\\'s.pth', { stripPrefix: 'backbone.', strict: false });"
       }
      ]"
    `);
  });

  it('knows none where no network fits', () => {
    expect(inspectCheckpoint(saved('other.pth', { weight: ones([2]) })).network).toBeUndefined();
    expect(text(saved('none.pth', { epoch: 3 }))).toMatchInlineSnapshot(`
      "none.pth: zip, 977 B, 0 tensors of 0 B
        epoch  3

      State dict: none was found

      To load it:
        const saved = load('<scratch>/none.pth');"
    `);
  });
});

describe('inspect of files of Python', () => {
  it.skipIf(noPythonTorch)('describes objects and hyper-parameters without running a line', () => {
    const path = join(scratch, 'python.pth');
    runPython(
      `
import argparse, pathlib, sys, torch
torch.save({
    'args': argparse.Namespace(lr=0.1, milestones=[30, 60], out=pathlib.PurePosixPath('/x')),
    'scheduler': torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.zeros(1)], lr=0.1), 3),
    'state_dict': {'w': torch.eye(2), 's': torch.eye(2).to_sparse(), 'm': torch.empty(3, device='meta')}}, sys.argv[1])`,
      path,
    );
    const { contents, warnings } = inspectCheckpoint(path);
    expect(contents.classNames).toContain('torch.optim.lr_scheduler.StepLR');
    expect(warnings).toEqual([]);
    const report = text(path);
    expect(report).toMatch(/milestones {2}\[30, 60\]/);
    expect(report).toContain('Python classes, described and never run: ');
    expect(contents.tensors.map(({ key }) => key)).toEqual(
      expect.arrayContaining(['state_dict.w', 'state_dict.s', 'state_dict.m']),
    );
  });
});

describe('inspect, the command line', () => {
  function ibnNet(...args: string[]) {
    const child = spawnSync(process.execPath, [join(dist, 'cli/main.js'), 'inspect', ...args], {
      encoding: 'utf8',
    });
    const clean = (output: string) => output.replaceAll(scratch, '<scratch>');
    return { status: child.status, stdout: clean(child.stdout), stderr: clean(child.stderr) };
  }

  it('prints JSON with everything', () => {
    const path = join(scratch, 'small.safetensors');
    saveSafetensors({ w: ones([2, 2]) }, path);
    const { status, stdout, stderr } = ibnNet(path, '--json', '--stats');
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchInlineSnapshot(`
      {
        "bytes": 112,
        "classNames": [],
        "commands": {
          "cli": null,
          "typescript": "const state = checkpoint.stateDictOf(load('<scratch>/small.safetensors'));",
        },
        "format": "safetensors",
        "network": null,
        "path": "<scratch>/small.safetensors",
        "shared": [],
        "stateDict": {
          "keys": 1,
          "path": [],
        },
        "tensors": [
          {
            "bytes": 16,
            "device": "cpu",
            "dtype": "float32",
            "key": "w",
            "requiresGrad": false,
            "shape": [
              2,
              2,
            ],
            "stats": {
              "inf": 0,
              "max": 1,
              "mean": 1,
              "min": 1,
              "nan": 0,
            },
          },
        ],
        "values": {},
        "warnings": [],
      }
    `);
  });

  it('fails with one line and status 1 for what cannot be read', () => {
    writeFileSync(join(scratch, 'text.pth'), 'no checkpoint');
    writeFileSync(join(scratch, 'empty.pth'), '');
    writeFileSync(join(scratch, 'locked.pth'), 'x');
    chmodSync(join(scratch, 'locked.pth'), 0);
    const names = [
      'none.pt',
      '',
      'text.pth',
      'empty.pth',
      ...(process.getuid?.() === 0 ? [] : ['locked.pth']),
    ];
    const failures = names.map((name) => ibnNet(join(scratch, name)));
    for (const { status, stdout, stderr } of failures)
      expect([status, stdout, stderr.trimEnd().split('\n').length]).toEqual([1, '', 1]);
    expect(
      failures.slice(0, 4).map(({ stderr }) => stderr.replace(/ibn-inspect-\w+/, '<scratch>')),
    ).toMatchInlineSnapshot(`
      [
        "none.pt: could not be read: ENOENT: no such file or directory, open '<scratch>/none.pt'
      ",
        "<scratch>: could not be read: not a regular file
      ",
        "text.pth: not a PyTorch checkpoint
      ",
        "empty.pth: the file is empty
      ",
      ]
    `);
    const { status, stderr } = ibnNet(saved('w.pth', { w: ones([1]) }), '--keys', 'layer9');
    expect([status, stderr]).toEqual([
      1,
      'Expected a tensor whose key has "layer9" in it, got none in w.pth\n',
    ]);
    expect(ibnNet().status).toBe(1);
  });

  it('reads no weights of a large file', () => {
    const path = saved('large.pth', { w: zeros([50, 1 << 20]), b: ones([4]) });
    const before = memoryStats().peakCpuBytes;
    const report = reportJson(inspectCheckpoint(path, { keys: 'b', stats: true }));
    expect(report).toMatchObject({ tensors: [{ key: 'b', stats: { min: 1, max: 1, mean: 1 } }] });
    expect(memoryStats().peakCpuBytes - before).toBeLessThan(1 << 20);
  });

  it('says that a file changed while it was looked at', () => {
    expect(errorOf(() => inspectCheckpoint(join(scratch, 'gone.pth'))).message).toContain(
      'could not be read',
    );
  });
});
