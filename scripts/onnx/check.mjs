// Exports networks as ONNX and holds them against ONNX Runtime: all networks for classification and Re-ID, and 30 of those for segmentation, in
// both forms of norms, for one image and three. Differences are over the largest number of an output.
//   PYTHON=/path/to/python node scripts/onnx/check.mjs [NAME...] [--opset N] [--most 1e-5]
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  exportOnnx,
  manualSeed,
  models,
  noGrad,
  rand,
  randn,
  reid,
  scope,
  segment,
  Tensor,
} from '../../dist/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { opset: { type: 'string' }, most: { type: 'string', default: '1e-5' } },
});
const folder = mkdtempSync(join(tmpdir(), 'ibn-net-onnx-'));
const python = spawn(
  process.env.PYTHON ?? 'python3',
  [join(dirname(fileURLToPath(import.meta.url)), 'check.py')],
  {
    stdio: ['pipe', 'pipe', 'inherit'],
  },
);
const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();

/** Name, builder and the sizes of an image. */
function networks() {
  const heads = segment.list().filter((name) => /\/(resnet(18|50)|se_resnet50|resnext50)/.test(name));
  return [
    ...models.listModels().map((name) => [name, () => models.getModel(name), [3, 224, 224]]),
    ...reid.list().map((name) => [name, () => reid.create(name, { numClasses: 10 }), [3, 256, 128]]),
    ...heads.map((name) => [name, () => segment.create(name), [3, 129, 129]]),
  ];
}

/** In evaluation, with statistics and scales that are not those of a new network. */
function prepared(make) {
  const model = make().eval();
  scope(() =>
    noGrad(() => {
      for (const module of model.modules()) {
        if (!('running_mean' in module || module.constructor.name.startsWith('InstanceNorm'))) continue;
        // Those of non-local blocks begin at 0: their products of maps grow without end otherwise.
        const isClosed = module.weight?.any().item() === false;
        if (isClosed) module.weight.fill_(1e-4);
        else module.weight?.uniform_(0.4, 0.9);
        module.bias?.uniform_(-0.5, 0.5);
        module.running_mean?.normal_(0, 0.2);
        module.running_var?.uniform_(0.5, 2);
      }
    }),
  );
  return model;
}

let files = 0;
function written(tensor) {
  const file = join(folder, `${files++}.bin`);
  writeFileSync(file, tensor.contiguous().data());
  return { file, shape: tensor.shape, dtype: tensor.dtype };
}

const tensorsOf = (result) =>
  result instanceof Tensor ? [result] : Object.values(result).flatMap(tensorsOf);

/** What the network gives for so many images; fast-reid's networks take pixels up to 255. */
const runOf = (model, batch, sizes, most) =>
  scope(() =>
    noGrad(() => {
      const x = most === 1 ? randn([batch, ...sizes]) : rand([batch, ...sizes]).mul(most);
      return { inputs: [written(x)], outputs: tensorsOf(model.forward(x)).map(written) };
    }),
  );

async function check(make, sizes, most) {
  manualSeed(0);
  const model = prepared(make);
  const runs = [runOf(model, 1, sizes, most), runOf(model, 3, sizes, most)];
  const found = [];
  for (const norms of ['ops', 'decomposed']) {
    const path = join(folder, 'model.onnx');
    const opset = values.opset === undefined ? {} : { opset: Number(values.opset) };
    await exportOnnx(model, path, { inputs: [[1, ...sizes]], norms, ...opset });
    python.stdin.write(`${JSON.stringify({ model: path, runs })}\n`);
    const { value } = await answers.next();
    found.push(JSON.parse(value));
  }
  for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
  return found.map(({ error, worst }) => error ?? worst);
}

const chosen = networks().filter(([name]) => positionals.length === 0 || positionals.includes(name));
if (chosen.length === 0) throw new Error('Expected names of networks, got none that there is');
let bad = 0;
for (const [name, make, sizes] of chosen) {
  const found = await check(make, sizes, /^fast-reid/.test(name) ? 255 : 1);
  const isGood = found.every((worst) => typeof worst === 'number' && worst <= Number(values.most));
  if (!isGood) bad++;
  console.log(
    `${isGood ? 'ok ' : 'BAD'} ${name}: ${found.map((one) => (typeof one === 'number' ? one.toExponential(1) : one)).join(', ')}`,
  );
}
console.log(`${chosen.length - bad} of ${chosen.length} networks within ${values.most}`);
python.stdin.end();
rmSync(folder, { recursive: true });
process.exitCode = bad === 0 ? 0 : 1;
