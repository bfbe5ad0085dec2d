// Compiles a checkpoint in a worker thread: reading, tracing and folding leave the event loop of the server alone.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { CompiledModel, checkpoint, compile, models } from 'ibn-net';

/** The worker keeps its model until this thread has its own, and ends. */
export async function compileInWorker(file, options) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { file, options } });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (shared) => {
      resolve(CompiledModel.fromShared(shared));
      worker.postMessage('attached');
    });
  });
}

async function compileHere({ file, options }) {
  const saved = checkpoint.load(file);
  const model = new models.ResNet_IBN(models.BasicBlock_IBN, saved.args.layers, { ...saved.args.options });
  model.loadStateDict(checkpoint.stateDictOf(saved));
  const fast = await compile(model.eval(), { inputs: [[1, 1, 28, 28]], ...options });
  parentPort.postMessage(fast.share());
  parentPort.once('message', () => fast.dispose());
}

if (!isMainThread) await compileHere(workerData);
