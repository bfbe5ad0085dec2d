// Compiles a network in a worker thread: loading, tracing and folding leave the event loop alone.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { CompiledModel, checkpoint, compile, models, nn } from '../../dist/index.js';

/** The worker keeps its model until this thread has its own. */
export function compileInWorker(settings) {
  const worker = new Worker(new URL(import.meta.url), { workerData: settings });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (shared) => {
      resolve(CompiledModel.fromShared(shared));
      worker.postMessage('attached');
    });
  });
}

async function compileHere({ network, weights, inputs, options }) {
  const model = nn.utils.skipInit(() => models.getModel(network));
  checkpoint.loadInto(model, weights, { mmap: true });
  const fast = await compile(model.eval(), { inputs, ...options });
  parentPort.postMessage(fast.share());
  parentPort.once('message', () => fast.dispose());
}

if (!isMainThread) await compileHere(workerData);
