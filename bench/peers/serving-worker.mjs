import { parentPort, workerData } from 'node:worker_threads';
import { onnxruntimeNode } from './engines.mjs';

const { InferenceSession, Tensor } = onnxruntimeNode();
const { file, threads } = workerData;
const opened = InferenceSession.create(file, { intraOpNumThreads: threads });
parentPort.on('message', async (pixels) => {
  const session = await opened;
  const { output } = await session.run({ input: new Tensor('float32', pixels, [1, 3, 224, 224]) });
  parentPort.postMessage(output.data);
});
