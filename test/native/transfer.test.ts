import { describe, expect, it } from 'vitest';
import { runChild } from '../helpers/index.ts';
import { expectSaid } from './attack.ts';

/** A PNG of one pixel. */
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const hasTransfer = 'transfer' in ArrayBuffer.prototype;

// Ways to take a buffer's memory away, by name: each detaches the memory of `array`, a Float32Array of ones, and lets
// nobody keep it.
const ways: Record<string, string> = {
  'structuredClone with a transfer list': 'structuredClone(array.buffer, { transfer: [array.buffer] });',
  'postMessage with a transfer list': `
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(array, [array.buffer]);
    port1.close(); port2.close();`,
  'a worker that takes it and ends': `
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker('require("node:worker_threads").workerData.fill(7)', { eval: true, workerData: array, transferList: [array.buffer] });
    await new Promise((resolve) => worker.on('exit', resolve));
    filled = 7;`,
  'a byte stream': `
    const stream = new ReadableStream({ type: 'bytes', pull(controller) { controller.enqueue(new Uint8Array(array.buffer)); controller.close(); } });
    for await (const chunk of stream) chunk.length;`,
};
if (hasTransfer) {
  ways['ArrayBuffer.prototype.transfer'] = 'array.buffer.transfer();';
  ways['ArrayBuffer.prototype.transferToFixedLength'] = 'array.buffer.transferToFixedLength();';
}

const CHURN = `
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  /** Frees what nobody holds, and writes over it. */
  const churn = async (size) => {
    for (let round = 0; round < 4; round++) {
      runInNewContext('gc')();
      await new Promise((resolve) => setTimeout(resolve, 5));
      for (let i = 0; i < 50; i++) new Float32Array(size).fill(9);
    }
  };
  const sum = (handle) => read(op('sum')(handle, 'float32'))[0];`;

describe('a tensor over a buffer whose memory is taken away', () => {
  for (const [name, take] of Object.entries(ways)) {
    it.each([1000, 1_000_000])(`keeps it: by ${name}, %i floats`, async (size) => {
      const source = `${CHURN}
        let filled = 1;
        let array = new Float32Array(${size}).fill(1);
        const x = binding.fromBuffer(array, 'float32', [${size}], 0);
        const view = op('narrow')(x, 0, 0, 10);
        ${take}
        say(array.length);
        array = undefined;
        await churn(${size});
        say(sum(x) === filled * ${size}, sum(view) === filled * 10);
        binding.dispose(x);
        await churn(${size});
        say(sum(view) === filled * 10);`;
      await expectSaid(source, ['0', 'true true', 'true']);
    });
  }

  // V8 12 would move the memory: there it is refused.
  it.skipIf(!hasTransfer).each([
    ['its own method', 'array.buffer[name](length)'],
    ["the prototype's", 'ArrayBuffer.prototype[name].call(array.buffer, length)'],
    [
      "the prototype's, bound",
      'Function.prototype.call.bind(ArrayBuffer.prototype[name])(array.buffer, length)',
    ],
    ['what it was transferred to', 'array.buffer.transfer().transferToFixedLength()[name](length)'],
    ['a frozen buffer', 'Object.freeze(array.buffer)[name](length)'],
    [
      'a buffer that lies about its size',
      "Object.defineProperty(array.buffer, 'byteLength', { value: length })[name](length)",
    ],
  ])('keeps it: by a transfer to another size, which may be refused, of %s', async (_, taken) => {
    const source = `${CHURN}
      for (const [name, length] of [['transfer', 8], ['transfer', 1 << 24], ['transfer', 0], ['transferToFixedLength', 8]]) {
        for (const size of [1000, 1000000]) {
          let array = new Float32Array(size).fill(1);
          const x = ibn.fromBuffer(array);
          const refused = attempt(() => { ${taken}; return 'done'; });
          if (refused !== 'done' && !refused.startsWith('TypeError: Expected no length but its own for ' + name)) say(refused);
          array = undefined;
          await churn(size);
          if (x.sum().item() !== size) say(name, length, size, x.sum().item());
        }
      }
      const { byteLength } = new ArrayBuffer(8).transfer(16);
      say(byteLength, ArrayBuffer.prototype.transfer.name, ArrayBuffer.prototype.transfer.length);`;
    await expectSaid(source, ['16 "transfer" 0']);
  });

  it('keeps it: slices of the pool of small Buffers', async () => {
    const source = `${CHURN}
      let slice = Buffer.from('12345678');
      const x = binding.fromBuffer(slice, 'uint8', [8], 0);
      try { structuredClone(slice.buffer, { transfer: [slice.buffer] }); } catch {}
      slice = undefined;
      await churn(8192);
      say(new TextDecoder().decode(binding.readBytes(x)));`;
    await expectSaid(source, ['"12345678"']);
  });

  it('keeps it: the memory of WebAssembly that grows', async () => {
    const source = `${CHURN}
      let memory = new WebAssembly.Memory({ initial: 1, maximum: 100 });
      const x = binding.fromBuffer(new Float32Array(memory.buffer).fill(1), 'float32', [16384], 0);
      memory.grow(50);
      memory = undefined;
      await churn(16384);
      say(sum(x));`;
    await expectSaid(source, ['16384']);
  });

  it('keeps it: shared memory that grows', async () => {
    const source = `${CHURN}
      let shared = new SharedArrayBuffer(4000, { maxByteLength: 1 << 20 });
      const x = binding.fromBuffer(new Float32Array(shared).fill(1), 'float32', [1000], 0);
      shared.grow(1 << 20);
      shared = undefined;
      await churn(1000);
      say(sum(x));`;
    await expectSaid(source, ['1000']);
  });

  it('gives it back with its last tensor', async () => {
    const source = `${CHURN}
      const used = () => process.memoryUsage().arrayBuffers >> 20;
      let x = binding.fromBuffer(new Float32Array(25 << 20), 'float32', [25 << 20], 0);
      await churn(1);
      const held = used();
      binding.dispose(x);
      await churn(1);
      say(held, used());`;
    await expectSaid(source, ['100 0']);
  });

  it('refuses memory that may shrink, whatever the buffer says of itself', async () => {
    const source = `
      const buffer = new ArrayBuffer(4000, { maxByteLength: 1 << 20 });
      Object.defineProperty(buffer, 'resizable', { value: false });
      say(attempt(() => ibn.fromBuffer(new Float32Array(buffer))));
      say(attempt(() => ibn.fromBuffer(buffer)));`;
    const line =
      '"TypeError: Expected memory of fixed size for \\"data\\", got a resizable ArrayBuffer; use tensor(), which copies"';
    await expectSaid(source, [line, line]);
  });

  it('is refused with the reason where the runtime cannot hold memory', async () => {
    const source = `
      const bytes = new Uint8Array([1, 2]);
      try { ibn.fromBuffer(bytes); } catch (error) { console.log(error.code, error.message); }
      const { decodeImage } = await import(dist + '/index.js');
      const image = await decodeImage(Buffer.from('${PIXEL}', 'base64'));
      console.log(ibn.tensor(bytes).toArray(), image.shape);`;
    const { code, stdout, stderr } = await runChild(source, { env: { IBN_NET_STABLE_NODE_API: '1' } });
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout:
        "ERR_UNSUPPORTED_RUNTIME Expected a runtime that lets a tensor hold a buffer's memory, as Node.js does; " +
        'use tensor(), which copies\n[ 1, 2 ] [ 3, 1, 1 ]\n',
      stderr: '',
    });
  });
});
