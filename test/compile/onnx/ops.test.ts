import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { exportOnnx } from '../../../lib/compile/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import {
  manualSeed,
  noGrad,
  ops,
  randn,
  scope,
  setNumThreads,
  stack,
  type Tensor,
  tensor,
  where,
} from '../../../lib/tensor/index.ts';
import { tmp } from '../../helpers/index.ts';
import { checkByRuntime, noOnnxRuntime, type OnnxRun, written } from '../../helpers/onnx-python.ts';

beforeAll(() => setNumThreads(1));

const { aten } = ops;
type Forward = (x: Tensor) => Tensor | Tensor[];

class Net extends nn.Module {
  readonly #run: Forward;
  layers: nn.Module;
  constructor(run: Forward, ...layers: nn.Module[]) {
    super();
    this.#run = run;
    this.layers = new nn.Sequential(...layers);
  }
  forward(x: Tensor): Tensor | Tensor[] {
    return this.#run(x);
  }
}

const layer = (make: () => nn.Module): [number[], () => nn.Module] => [[2, 6, 9, 10], make];
const through = (shape: number[], run: Forward): [number[], () => nn.Module] => [shape, () => new Net(run)];
const map = [2, 6, 9, 10];
const each =
  (functions: Forward[]): Forward =>
  (x) =>
    functions.flatMap((fn) => fn(x));

const CASES: Record<string, [number[], () => nn.Module]> = {
  'convolutions, their padding in words and groups': layer(
    () =>
      new nn.Sequential(
        new nn.Conv2d(6, 8, 3, { stride: 2, padding: 1, dilation: 2 }),
        new nn.Conv2d(8, 8, [3, 2], { padding: 'same', groups: 4, bias: false }),
        new nn.ConvTranspose2d(8, 6, 3, { stride: 2, outputPadding: 1, groups: 2 }),
      ),
  ),
  'convolutions along a line and in space': through([2, 3, 4, 9, 10], (x) => {
    const w3 = tensor(Array.from({ length: 81 }, (_, i) => Math.sin(i)));
    const y = aten.conv3d(x, w3.reshape([1, 3, 3, 3, 3]), null, [1, 1, 1], [1, 0, 1]);
    const w1 = tensor(Array.from({ length: 21 }, (_, i) => Math.cos(i)));
    return [y, aten.conv1d(x.select(2, 0).select(2, 1), w1.narrow(0, 0, 9).reshape([1, 3, 3]), null, [2])];
  }),
  'windows that round up': through(
    map,
    each([
      (x) => aten.max_pool2d(x, [3, 3], [2, 2], [1, 1], [1, 1], true),
      (x) => aten.max_pool2d(x, [2, 3], [2, 1], [0, 1], [2, 1]),
      (x) => aten.avg_pool2d(x, [2, 3], [2, 2], [0, 0], true),
      (x) => aten.avg_pool2d(x, [3, 3], [2, 2], [1, 1], true, false),
      (x) => aten.avg_pool2d(x, [3, 3], [2, 2], [1, 1]),
    ]),
  ),
  'pooling to sizes, even and uneven': through(
    map,
    each([
      (x) => aten.adaptive_avg_pool2d(x, [1, 1]),
      (x) => aten.adaptive_avg_pool2d(x, [3, 5]),
      (x) => aten.adaptive_avg_pool2d(x, [4, 7]),
      (x) => aten.adaptive_avg_pool2d(x, [12, 3]),
      (x) => aten.adaptive_max_pool2d(x, [3, 2])[0],
      (x) => aten.adaptive_max_pool2d(x, [1, 1])[0],
    ]),
  ),
  'norms of every kind': layer(
    () =>
      new nn.Sequential(
        new nn.BatchNorm2d(6),
        new nn.InstanceNorm2d(6),
        new nn.InstanceNorm2d(6, { affine: true, eps: 0.01 }),
        new nn.InstanceNorm2d(6, { affine: true, trackRunningStats: true }),
        new nn.GroupNorm(3, 6),
        new nn.LayerNorm([9, 10]),
        new nn.LayerNorm([10], { elementwiseAffine: false }),
        new nn.BatchNorm2d(6, { affine: false }),
      ),
  ),
  'norms of vectors': [
    [3, 6],
    () => new nn.Sequential(new nn.BatchNorm1d(6), new nn.LayerNorm(6), new nn.GroupNorm(2, 6)),
  ],
  activations: through(
    map,
    each([
      (x) => aten.relu(x),
      (x) => aten.leaky_relu(x, 0.2),
      (x) => aten.elu(x, 0.7),
      (x) => aten.celu(x, 0.5),
      (x) => aten.selu(x),
      (x) => aten.gelu(x),
      (x) => aten.gelu(x, { approximate: 'tanh' }),
      (x) => aten.silu(x),
      (x) => aten.mish(x),
      (x) => aten.hardswish(x.mul(3)),
      (x) => aten.hardsigmoid(x.mul(3)),
      (x) => aten.hardtanh(x, -0.5, 0.7),
      (x) => aten.relu6(x.mul(5)),
      (x) => aten.softplus(x.mul(9), 2),
      (x) => aten.log_sigmoid(x),
      (x) => aten.prelu(x, tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])),
      (x) => aten.softmax(x, 1),
      (x) => aten.log_softmax(x, -1),
    ]),
  ),
  functions: through(
    map,
    each([
      (x) => aten.sigmoid(x),
      (x) => aten.tanh(x),
      (x) => aten.exp(x),
      (x) => aten.log(x.abs().add(1)),
      (x) => aten.sqrt(x.square()),
      (x) => aten.rsqrt(x.abs().add(1)),
      (x) => aten.reciprocal(x.abs().add(1)),
      (x) => aten.erf(x),
      (x) => aten.sin(x),
      (x) => aten.cos(x),
      (x) => aten.floor(x.mul(3)),
      (x) => aten.ceil(x.mul(3)),
      (x) => aten.round(tensor([0.5, 1.5, 2.5, -0.5, 3.5, 9]).reshape([1, 6, 1, 1]).mul(x.mul(0).add(1))),
      (x) => aten.sign(x),
      (x) => aten.neg(x),
      (x) => aten.pow(x, 2),
      (x) => aten.pow(x.abs(), 1 / 3),
      (x) => aten.pow(2, x),
    ]),
  ),
  'two tensors and numbers': through(
    map,
    each([
      (x) => x.add(x.mul(2), { alpha: 0.3 }),
      (x) => x.sub(1.5, { alpha: 2 }),
      (x) => aten.rsub(x, 2),
      (x) => x.div(x.abs().add(1)),
      (x) => x.div(0.3, { roundingMode: 'floor' }),
      (x) => x.maximum(x.neg()),
      (x) => x.minimum(tensor(0.2)),
      (x) => x.clamp(-0.3, 0.4),
      (x) => x.clamp({ min: 0.1 }),
      (x) => x.clampMin(0.1),
      (x) => x.clampMax(0.1),
      (x) => where(x.gt(0.2), x, x.exp()),
      (x) => x.maskedFill(x.le(0).logicalAnd(x.ge(-1)), 3),
      (x) => x.add(x.eq(x).logicalNot().to('float32')),
      (x) => x.mul(x.ne(0).to('int64')),
      (x) => x.argmax(1).div(3),
      (x) => x.argmax(1).add(1.5),
      (x) => x.argmax(1).lt(2.5).to('int64'),
    ]),
  ),
  shapes: through(
    map,
    each([
      (x) => x.flatten(1),
      (x) => x.reshape([x.shape[0] as number, 3, -1]),
      (x) => x.flatten(0, 1),
      (x) => x.permute(0, 2, 3, 1),
      (x) => x.transpose(1, -1),
      (x) => x.mean([2, 3], { keepdim: true }).squeeze([1, 2, 3]),
      (x) => x.unsqueeze(-1),
      (x) => x.mean(1, { keepdim: true }).expand(-1, 4, -1, -1),
      (x) => x.repeat(1, 2, 1, 3),
      (x) => aten.cat([x, x.neg()], 1),
      (x) => stack([x, x.exp()], -1),
      (x) => x.split([1, 2, 3], 1) as Tensor[],
      (x) => x.chunk(4, 2) as Tensor[],
      (x) => x.unbind(1) as Tensor[],
      (x) => x.select(1, -2),
      (x) => aten.slice(x, 3, -7, -1, 2),
      (x) => x.narrow(2, 1, 4),
      (x) => x.flip([1, 3]),
      (x) => x.indexSelect(1, tensor([4, 0, 0], { dtype: 'int64' })),
      (x) => aten.constant_pad_nd(x, [1, 2, 0, 3], 0.5),
      (x) => aten.reflection_pad2d(x, [1, 2, 3, 0]),
      (x) => aten.replication_pad2d(x, [0, 1, 2, 3]),
      (x) => aten.channel_shuffle(x, 3),
      (x) => aten.pixel_shuffle(aten.cat([x, x.exp()], 1).narrow(1, 0, 8), 2),
    ]),
  ),
  reductions: through(
    map,
    each([
      (x) => x.mean([2, 3]),
      (x) => x.sum(1, { keepdim: true }),
      (x) => x.amax([1, 3]),
      (x) => x.amin(-1),
      (x) => x.logsumexp(1),
      (x) => x.max(1)[0] as Tensor,
      (x) => x.argmax(1),
      (x) => x.argmin(2, { keepdim: true }),
      (x) => x.norm(2, 1),
      (x) => x.norm(1, [2, 3]),
      (x) => aten.var(x, [2, 3], { correction: 0 }),
      (x) => aten.std(x, [1], { correction: 1, keepdim: true }),
      (x) => x.cumsum(1),
    ]),
  ),
  sizes: through(
    map,
    each([
      (x) => aten.upsample_bilinear2d(x, [17, 23], false),
      (x) => aten.upsample_bilinear2d(x, [17, 23], true),
      (x) => aten.upsample_bilinear2d(x, [5, 1], false),
      (x) => aten.upsample_bilinear2d(x, null, false, [1.7, 2.3]),
      (x) => aten.upsample_bicubic2d(x, [17, 23], false),
      (x) => aten.upsample_nearest2d(x, [18, 30]),
      (x) => aten.upsample_nearest2d(x, [13, 7]),
      (x) => aten.upsample_nearest2d(x, null, [1.7, 2.3]),
      (x) => aten._upsample_nearest_exact2d(x, [18, 20]),
      (x) => aten._upsample_nearest_exact2d(x, [4, 17]),
    ]),
  ),
  products: through(
    [2, 5, 8],
    each([
      (x) => x.matmul(x.transpose(1, 2)),
      (x) => x.bmm(x.transpose(1, 2)),
      (x) => aten.scaled_dot_product_attention(x, x.exp(), x),
      (x) =>
        aten.addmm(
          tensor([1, 2, 3]),
          x.flatten(1),
          tensor(Array.from({ length: 120 }, (_, i) => Math.sin(i))).reshape([40, 3]),
          { beta: 0.5, alpha: 2 },
        ),
    ]),
  ),
  'linear layers of vectors and sequences': [
    [2, 5, 8],
    () => {
      const [a, b, c] = [new nn.Linear(8, 4), new nn.Linear(4, 3, { bias: false }), new nn.Linear(15, 2)];
      return new Net((x) => c.forward(b.forward(a.forward(x)).flatten(1)), a, b, c);
    },
  ],
};

/** Gives norms statistics that are not their start. */
function changed(model: nn.Module): nn.Module {
  noGrad(() => {
    for (const [key, value] of model.namedBuffers()) {
      if (key.endsWith('mean')) value.normal_(0, 0.2);
      if (key.endsWith('var')) value.uniform_(0.5, 2);
    }
    for (const value of model.parameters()) if (value.ndim === 1) value.uniform_(0.5, 1.5);
  });
  return model.eval();
}

const outputsOf = (result: unknown): Tensor[] => [result as Tensor | Tensor[]].flat();

it.skipIf(noOnnxRuntime)(
  'ops give in ONNX Runtime what they give here, for one image and several, in both forms and opsets',
  async () => {
    manualSeed(0);
    const folder = tmp();
    const tasks: { model: string; runs: OnnxRun[] }[] = [];
    for (const [name, [shape, make]] of Object.entries(CASES)) {
      const model = changed(make());
      const runs = [1, 3].map((batch) =>
        scope(() =>
          noGrad(() => {
            const x = randn([batch, ...shape.slice(1)]);
            const outputs = outputsOf(model.forward(x)).map((y, i) =>
              written(folder, `${name}-${batch}-${i}`, y),
            );
            return { inputs: [written(folder, `${name}-${batch}-x`, x)], outputs };
          }),
        ),
      );
      for (const [opset, norms] of [
        [18, 'ops'],
        [22, 'decomposed'],
        [26, 'ops'],
      ] as const) {
        const path = join(folder, `${name}-${opset}.onnx`);
        await exportOnnx(model, path, { inputs: [shape], opset, norms });
        tasks.push({ model: path, runs });
      }
    }
    const answers = await checkByRuntime(tasks);
    const bad = answers.flatMap(({ worst, error }, i) =>
      worst !== undefined && worst < 1e-5
        ? []
        : [`${tasks[i]?.model.slice(folder.length + 1)}: ${error ?? worst}`],
    );
    expect(bad).toEqual([]);
    expect(answers).toHaveLength(tasks.length);
  },
);
