// The engines that run in Node: each takes settings and gives { feed, run, finish } as serve.mjs wants them.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** ibn-net as it is without compile(). */
async function eager({ engine, network, weights, dtype, threads }) {
  const { checkpoint, fromBuffer, inferenceMode, models, nn, setNumThreads } = await import(
    '../../dist/index.js'
  );
  setNumThreads(threads);
  const memoryFormat = engine === 'eager_cl' ? 'channels_last' : 'contiguous_format';
  const model = nn.utils.skipInit(() => models.getModel(network));
  checkpoint.loadInto(model, weights, { mmap: true });
  model.eval().to({ dtype, memoryFormat });
  return {
    feed: (array, shape) => fromBuffer(array, { dtype: 'float32', shape }).to({ dtype, memoryFormat }),
    run: (x) => inferenceMode(() => model.forward(x)),
    finish: (y) => y.to('float32').data(),
    free: (y) => y.dispose(),
  };
}

const compiledEngine = (fast, fromBuffer) => ({
  feed: (array, shape) => fromBuffer(array, { dtype: 'float32', shape }),
  run: (x) => fast.run(x),
  finish: (y) => y.to('float32').data(),
  free: (y) => y.dispose(),
  fast,
});

/** ibn-net's compile(). */
async function compiled({ engine, network, weights, dtype, threads, options = {} }) {
  const { checkpoint, compile, fromBuffer, models, nn } = await import('../../dist/index.js');
  if (compile === undefined) throw new Error('compile() is not in dist');
  const model = nn.utils.skipInit(() => models.getModel(network));
  checkpoint.loadInto(model, weights, { mmap: true });
  model.eval();
  const inputs = [[1, 3, 224, 224]];
  const keepWeights = engine !== 'compiled-lean';
  const fast = await compile(model, { inputs, dtype, threads, dynamicBatch: true, keepWeights, ...options });
  if (!keepWeights) for (const parameter of model.parameters()) parameter.dispose();
  return compiledEngine(fast, fromBuffer);
}

/** compile() with what quantize() gives for the images in `file`. */
async function compiledInt8({ file, ...settings }) {
  const { checkpoint, fromBuffer, models, nn, quantize } = await import('../../dist/index.js');
  const model = nn.utils.skipInit(() => models.getModel(settings.network));
  checkpoint.loadInto(model, settings.weights, { mmap: true });
  const bytes = readFileSync(file);
  const array = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const calibration = fromBuffer(array, {
    dtype: 'float32',
    shape: [array.length / (3 * 224 * 224), 3, 224, 224],
  });
  // Seeded weights lose much in any rounding; what is timed has all layers of integers, as the peer has.
  const own = { calibration, maxError: Number.POSITIVE_INFINITY, threads: settings.threads };
  const quantization = await quantize(model.eval(), own);
  return compiled({ ...settings, dtype: 'float32', options: { quantization } });
}

/** What CompiledModel.save wrote, without the network's TypeScript. */
async function compiledFile({ file, threads }) {
  const { fromBuffer, loadCompiled } = await import('../../dist/index.js');
  if (loadCompiled === undefined) throw new Error('loadCompiled() is not in dist');
  return compiledEngine(await loadCompiled(file, { threads }), fromBuffer);
}

/** Where onnxruntime-node is installed: the folder PEERS, which has a node_modules. */
export function onnxruntimeNode() {
  return createRequire(join(process.env.PEERS ?? '.', 'package.json'))('onnxruntime-node');
}

async function onnxruntime({ file, threads }) {
  const { InferenceSession, Tensor } = onnxruntimeNode();
  const session = await InferenceSession.create(file, { intraOpNumThreads: threads });
  return {
    feed: (array, shape) => new Tensor('float32', array, shape),
    run: async (input) => (await session.run({ input })).output,
    finish: (y) => y.data,
    free: () => {},
  };
}

export const ENGINES = {
  eager,
  eager_cl: eager,
  compiled,
  'compiled-int8': compiledInt8,
  'compiled-lean': compiled,
  'compiled-file': compiledFile,
  'onnxruntime-node': onnxruntime,
};
