// Classifies images over HTTP, and takes another network without losing a request.
//   node examples/serving/server.mjs assets/fashion-mnist-resnet-ibn-a.pth --port 8080
//   curl --data-binary @assets/images/4-shirt.png localhost:8080
//   kill -HUP PID      reads the file again; a file that save() wrote (*.ibn) is read as it is, a checkpoint is compiled
//   kill -TERM PID     answers what was asked, then ends
import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { decodeImage, loadCompiled, scope, transforms } from 'ibn-net';
import { compileInWorker } from './compile-in-worker.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { port: { type: 'string', default: '8080' } },
});
const [file] = positionals;
if (file === undefined) throw new TypeError('Expected a .ibn or .pth file, got none');

const options = { maxBatch: 16, maxDelayMs: 2 };
const load = () => (file.endsWith('.ibn') ? loadCompiled(file, options) : compileInWorker(file, options));

let model = await load();

/** The next model takes all calls from one moment on; the old one answers those that it has. */
async function reload() {
  const next = await load();
  const old = model;
  model = next;
  await old.close();
}

const { Compose, Grayscale, Normalize, ToTensor } = transforms;
const prepare = new Compose([new Grayscale(1), new ToTensor(), new Normalize([0.286], [0.353])]);

async function classify(bytes) {
  const image = await decodeImage(bytes);
  const x = scope(() => prepare.forward(image).unsqueeze(0));
  image.dispose();
  const call = model.run(x); // copies x
  x.dispose();
  const logits = await call;
  const values = Array.from(logits.data());
  logits.dispose();
  return { class: values.indexOf(Math.max(...values)), logits: values };
}

async function answer(request, response) {
  const [status, content] = await classify(await buffer(request)).then(
    (result) => [200, result],
    (error) => [error.name === 'ImageError' ? 400 : 500, { error: error.message }],
  );
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(content));
}

const server = createServer(answer);
let reloads = 0;
let reloading = Promise.resolve();
process.on('SIGHUP', () => {
  // One after another; the model that is there stays where the next cannot be had.
  reloading = reloading.then(reload).then(
    () => console.log(`reloaded ${++reloads}`),
    (error) => console.error(`kept the model that was there: ${error.message}`),
  );
});
process.once('SIGTERM', async () => {
  server.close();
  await Promise.all([once(server, 'close'), reloading]);
  await model.close();
});
server.listen(Number(values.port), () => console.log(`listening on ${server.address().port}`));
