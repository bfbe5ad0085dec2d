// The same as input_pipeline.py, and how long the event loop was held up meanwhile.
//   node input-pipeline.mjs FOLDER WORKERS BATCH SECONDS [THREADS]
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DataLoader, datasets, setNumThreads, transforms } from '../../dist/index.js';

const [folder, workers, batch, seconds, threads] = process.argv.slice(2);
if (threads !== undefined) setNumThreads(Number(threads));
const data = new datasets.ImageFolder(folder, { transform: transforms.imagenetTrain() });
const loader = new DataLoader(data, {
  batchSize: Number(batch),
  shuffle: true,
  numWorkers: Number(workers),
});

async function epoch() {
  let images = 0;
  for await (const [inputs, labels] of loader) {
    images += labels.shape[0];
    inputs.dispose();
    labels.dispose();
  }
  return images;
}

await epoch();
const delays = monitorEventLoopDelay({ resolution: 1 });
delays.enable();
let images = 0;
const cpu = process.cpuUsage();
const start = performance.now();
while (performance.now() - start < 1000 * seconds) images += await epoch();
const elapsed = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
delays.disable();
console.log(
  JSON.stringify({
    images_per_second: images / elapsed,
    cpu_ms_per_image: (user + system) / 1000 / images,
    loop_p99_ms: delays.percentile(99) / 1e6,
    loop_max_ms: delays.max / 1e6,
  }),
);
