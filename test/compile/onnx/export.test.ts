import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  exportOnnx,
  models,
  nn,
  noGrad,
  ops,
  randn,
  reid,
  scope,
  setNumThreads,
  type Tensor,
} from '../../../lib/index.ts';
import { tmp } from '../../helpers/index.ts';
import { readModel, runModel } from '../../helpers/onnx-reader.ts';
import { prepared, relativeError } from '../../helpers/plans.ts';
import { rejection } from '../plan-maker.ts';

beforeAll(() => setNumThreads(1));

const small = { widths: [8, 8, 8, 8] as const, numClasses: 5 };
const inputs = [[1, 3, 64, 64]];

class Net extends nn.Module {
  readonly #run: (...x: Tensor[]) => unknown;
  constructor(run: (...x: Tensor[]) => unknown) {
    super();
    this.#run = run;
  }
  forward(...x: Tensor[]): unknown {
    return this.#run(...x);
  }
}
const network = (run: (...x: Tensor[]) => unknown) => new Net(run).eval();

describe('exportOnnx', () => {
  it.each([
    ['resnet18_ibn_a', 'ops'],
    ['resnet18_ibn_a', 'decomposed'],
    ['resnet18_ibn_b', 'ops'],
    ['resnet18', 'decomposed'],
  ] as const)(
    'writes %s so that its operators (%s) give what the network gives, for any batch',
    async (name, norms) => {
      const path = join(tmp(), 'model.onnx');
      const model = prepared(models.getModel(name, small));
      await exportOnnx(model, path, { inputs, norms });
      scope(() =>
        noGrad(() => {
          for (const batch of [1, 2, 5]) {
            const x = randn([batch, 3, 64, 64]);
            const [got] = runModel(path, [x]);
            expect(relativeError(got as Tensor, model.forward(x) as Tensor)).toBeLessThan(1e-5);
          }
        }),
      );
    },
  );

  it('names weights by keys, nodes by modules, and says what the file takes', async () => {
    const path = join(tmp(), 'model.onnx');
    const model = models.resnet18_ibn_a(small).eval();
    const exported = await exportOnnx(model, path, {
      inputs,
      inputNames: ['images'],
      outputNames: ['logits'],
    });
    expect(exported).toMatchObject({
      path,
      dataPath: null,
      opset: 22,
      inputs: [{ name: 'images', dtype: 'float32', shape: ['batch', 3, 64, 64] }],
      outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', 5] }],
    });
    expect(exported.operators).toMatchObject({
      InstanceNormalization: 6,
      Split: 6,
      Concat: 6,
      Conv: 20,
      Gemm: 1,
    });
    const { graph, irVersion, opsetImport, producerName } = readModel(path);
    expect([irVersion, opsetImport[0]?.version, producerName]).toEqual([10n, 22n, 'ibn-net']);
    const keys = new Set(model.stateDict().keys());
    const weights = graph.initializer.filter(({ name }) => keys.has(name)).map(({ name }) => name);
    expect(weights).toContain('layer1.0.bn1.IN.weight');
    expect(weights).toHaveLength([...keys].filter((key) => !key.endsWith('num_batches_tracked')).length);
    expect(graph.node.map(({ name }) => name)).toContain('layer1.0.bn1.IN/InstanceNormalization');
    expect(readdirSync(join(path, '..'))).toEqual(['model.onnx']);
  });

  it('writes sums and products in place of norms where they are decomposed', async () => {
    const path = join(tmp(), 'model.onnx');
    const { operators } = await exportOnnx(models.resnet18_ibn_a(small).eval(), path, {
      inputs,
      norms: 'decomposed',
    });
    expect(Object.keys(operators).filter((type) => type.includes('Normalization'))).toEqual([]);
    expect(operators).toMatchObject({ ReduceMean: 12, Sqrt: 6 });
  });

  it('computes statistics of half types in float32 where norms are decomposed', async () => {
    const path = join(tmp(), 'model.onnx');
    const net = prepared(new nn.Sequential(new nn.InstanceNorm2d(3, { affine: true })));
    const { operators } = await exportOnnx(net.half(), path, { inputs, norms: 'decomposed' });
    expect(operators).toMatchObject({ Cast: 2, ReduceMean: 2 });
    const types = readModel(path).graph.initializer.map(({ dataType }) => dataType);
    expect(types.filter((type) => type === 1)).toHaveLength(1); // eps alone is float32
    const low = prepared(new nn.Sequential(new nn.Conv2d(3, 3, 1))).to({ dtype: 'bfloat16' });
    expect((await rejection(exportOnnx(low, path, { inputs, opset: 21 }))).message).toMatch(
      /an opset from 22 .* bfloat16/,
    );
  });

  it('counts from the front what reaches before it', async () => {
    const path = join(tmp(), 'model.onnx');
    const net = network((x) => ops.aten.slice(x as Tensor, 2, -70, 3));
    await exportOnnx(net, path, { inputs });
    const { node, initializer } = readModel(path).graph;
    const starts = node.find(({ opType }) => opType === 'Slice')?.input[1];
    const { rawData } = initializer.find(({ name }) => name === starts) ?? {};
    expect(rawData && Buffer.from(rawData).readBigInt64LE()).toBe(0n);
  });

  it('keeps one batch size where that is asked for', async () => {
    const path = join(tmp(), 'model.onnx');
    const model = network((x) => (x as Tensor).add((x as Tensor).shape[0] as number));
    const exported = await exportOnnx(model, path, { inputs: [[4, 2]], dynamicBatch: false });
    expect(exported.inputs[0]?.shape).toEqual([4, 2]);
    const wrong = exportOnnx(
      network((x, y) => (x as Tensor).add(y as Tensor)),
      path,
      {
        inputs: [
          [4, 2],
          [1, 2],
        ],
        dynamicBatch: false,
      },
    );
    expect((await rejection(wrong)).message).toMatchInlineSnapshot(
      `"Expected one batch size in exportOnnx inputs with dynamicBatch: false, got 4 and 1"`,
    );
  });

  it('takes several inputs and outputs, also an input that is an output', async () => {
    const path = join(tmp(), 'model.onnx');
    const model = network((x, y) => ({ sum: (x as Tensor).add(y as Tensor), same: x, again: x }));
    const { inputs: taken, outputs } = await exportOnnx(model, path, {
      inputs: [
        [1, 2],
        [1, 2],
      ],
    });
    expect(taken.map(({ name }) => name)).toEqual(['input_0', 'input_1']);
    expect(outputs.map(({ name }) => name)).toEqual(['sum', 'same', 'again']);
    const [x, y] = [randn([3, 2]), randn([3, 2])];
    const got = runModel(path, [x, y]).map((value) => value.toArray());
    expect(got).toEqual([x.add(y).toArray(), x.toArray(), x.toArray()]);
  });

  it('leaves out what no output needs', async () => {
    const path = join(tmp(), 'model.onnx');
    const { operators } = await exportOnnx(
      network((x) => (x as Tensor).max(1)[0]),
      path,
      { inputs: [[1, 7]] },
    );
    expect(operators).toEqual({ ReduceMax: 1 });
  });

  it('writes networks for Re-ID in evaluation', async () => {
    const path = join(tmp(), 'model.onnx');
    const { outputs } = await exportOnnx(reid.create('osnet_ain_x0_25').eval(), path, {
      inputs: [[1, 3, 256, 128]],
    });
    expect(outputs).toEqual([{ name: 'output', dtype: 'float32', shape: ['batch', 512] }]);
  });

  it('puts weights into a file of their own where that is asked for, and the model beside it', async () => {
    const path = join(tmp(), 'model.onnx');
    writeFileSync(`${path}.data`, 'of an older model');
    const model = prepared(models.resnet18_ibn_a(small));
    const { dataPath } = await exportOnnx(model, path, { inputs, externalData: true });
    expect(dataPath).toBe(`${path}.data`);
    expect(statSync(path).size).toBeLessThan(40_000);
    expect(readdirSync(join(path, '..')).sort()).toEqual(['model.onnx', 'model.onnx.data']);
    const places = readModel(path).graph.initializer.flatMap(({ externalData }) => externalData);
    expect(places.filter(({ key, value }) => key === 'offset' && Number(value) % 4096 !== 0)).toEqual([]);
    const x = randn([2, 3, 64, 64]);
    noGrad(() =>
      expect(relativeError(runModel(path, [x])[0] as Tensor, model.forward(x))).toBeLessThan(1e-5),
    );
  });

  it('names an op that ONNX has not, its module and what to do, and writes nothing', async () => {
    const path = join(tmp(), 'model.onnx');
    const model = new nn.Sequential(new nn.Conv2d(3, 3, 1), new nn.Hardshrink()).eval();
    const error = await rejection(exportOnnx(model, path, { inputs }));
    expect(error).toMatchObject({ code: 'ERR_COMPILE_UNSUPPORTED', module: '1' });
    expect(error.message).toMatchInlineSnapshot(
      `"Expected ops that exportOnnx can write, got aten::hardshrink in module "1"; leave it out of the network and do it on its outputs, or use exportTorchScript"`,
    );
    const pool = network((x) => ops.aten.adaptive_max_pool2d(x as Tensor, [1, 1])[1].max(1)[0]);
    expect((await rejection(exportOnnx(pool, path, { inputs }))).message).toContain(
      'got aten::max of the places of maxima, which are not written',
    );
    expect(existsSync(path)).toBe(false);
  });

  it('leaves an older file as it was where the network is refused', async () => {
    const path = join(tmp(), 'model.onnx');
    writeFileSync(path, 'old');
    await rejection(exportOnnx(models.resnet18(small), path, { inputs }));
    expect(statSync(path).size).toBe(3);
  });

  it('refuses wrong options in words', async () => {
    const path = join(tmp(), 'model.onnx');
    const model = models.resnet18_ibn_a(small).eval();
    const wrong = [
      { opset: 17 },
      { opset: 22.5 },
      { norms: 'decompose' },
      { inputNames: ['a', 'b'] },
      { outputNames: ['output', 'other'] },
      { outputNames: ['input'] },
      { inputNames: [''] },
      { externalData: 'yes' },
      { dynamicAxes: {} },
      { inputs: [[0, 3, 64, 64]] },
    ];
    const messages = [];
    for (const options of wrong)
      messages.push((await rejection(exportOnnx(model, path, { inputs, ...options } as never))).message);
    expect(messages).toMatchInlineSnapshot(`
      [
        "Expected an opset from 18 to 26 for exportOnnx, got 17",
        "Expected a whole number from 1 for exportOnnx opset, got 22.5",
        "Expected one of "ops", "decomposed" for exportOnnx norms, got "decompose"; did you mean decomposed?",
        "Expected 1 name for exportOnnx inputNames, got 2",
        "Expected 1 name for exportOnnx outputNames, got 2",
        "Expected other names for exportOnnx outputNames than for inputs, got "input" for both",
        "Expected distinct names for exportOnnx inputNames, got an empty one",
        "Expected a boolean for exportOnnx externalData, got "yes"",
        "Expected a known option for exportOnnx, got "dynamicAxes"; did you mean dynamicBatch?",
        "Expected shapes for exportOnnx inputs, such as [[1, 3, 224, 224]], got [[0,3,64,64]]",
      ]
    `);
    expect(existsSync(path)).toBe(false);
  });
});
