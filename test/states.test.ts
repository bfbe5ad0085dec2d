import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { methodNames } from '../lib/ops/generated.ts';
import { toCamelCase } from '../lib/ops/naming.ts';
import * as ibn from '../lib/tensor/index.ts';
import { entries, functions, members } from './helpers/entries.ts';
import { dist, errorOf } from './helpers/index.ts';

const { scope, tensor, zeros, Tensor } = ibn;
const { aten } = ibn.ops;
type AnyTensor = InstanceType<typeof Tensor>;

/** Tensors that few ops are made for. */
const kinds: Record<string, () => AnyTensor> = {
  bool: () => tensor([true, false]),
  int64: () => tensor([1n, 2n]),
  uint64: () => tensor(new BigUint64Array([1n, 2n ** 64n - 1n])),
  float16: () => tensor([1, 2], { dtype: 'float16' }),
  bfloat16: () => tensor([1, 2], { dtype: 'bfloat16' }),
  float8: () => tensor([1, 2], { dtype: 'float8_e5m2' }),
  complex32: () => tensor([1, 2], { dtype: 'complex32' }),
  complex64: () => aten.conj(tensor([new ibn.Complex(1, 2)])),
  negated: () => aten.imag(aten.conj(tensor([new ibn.Complex(1, 2)]))),
  quantized: () => aten.quantize_per_tensor(tensor([1, 2]), 0.5, 0, 'quint8'),
  'sparse coo': () => aten.to_sparse(tensor([0, 1])),
  'sparse csr': () => aten.to_sparse_csr(tensor([[0, 1]])),
  mkldnn: () => aten.to_mkldnn(tensor([[1, 2]])),
  meta: () => zeros([2], { device: 'meta' }),
  zero: () => aten._efficientzerotensor([2]),
  empty: () => zeros([0, 3]),
  scalar: () => tensor(3),
  expanded: () => tensor([1]).expand([2, 3]),
  'ten dimensions': () => zeros([1, 1, 1, 1, 1, 1, 1, 1, 1, 2]),
  'an inference tensor': () => ibn.inferenceMode(() => tensor([1, 2]).mul(2)),
  'part of a graph': () => tensor([1, 2], { requiresGrad: true }).mul(2),
  'over a buffer': () => ibn.fromBuffer(new Float32Array(2)),
};

const CLASSES = new Set(['TypeError', 'RangeError', 'TorchError']);

/** What a call gives: a value, or the class of a clear error. Anything else fails. */
function outcome(call: () => unknown): string {
  try {
    call();
    return 'value';
  } catch (error) {
    const { name, message } = error as Error;
    expect(CLASSES, `${name}: ${message}`).toContain(name);
    expect(message.length).toBeGreaterThan(10);
    expect(message).not.toMatch(/undefined \(reading|is not a function|is not iterable|private member/);
    return name;
  }
}

const names = Object.keys(entries);
const callOf = (name: string) => (entries[name] as (typeof entries)[string]).call;
const freshTensor = () => tensor([1, 2]);

describe('every entry point of the tensor layer', () => {
  it('is in the table', () => {
    const exported = Object.keys(ibn).sort();
    expect(Object.keys(functions).sort()).toEqual(exported);
    const fromOps = new Set(methodNames.map(toCamelCase));
    const own = Object.getOwnPropertyNames(Tensor.prototype).filter((name) => name !== 'constructor');
    expect(own.filter((name) => !(name in members) && !fromOps.has(name))).toEqual([]);
    expect(Object.keys(members).filter((name) => !own.includes(name))).toEqual([]);
  });

  // For float32 [1, 2] without a graph, on a machine without CUDA.
  const ordinary: Record<string, string> = {
    backward: 'TorchError',
    grad: 'TorchError',
    setRngState: 'RangeError',
    where: 'TorchError',
    'Tensor.item': 'TorchError',
    'Tensor.backward': 'TorchError',
    'Tensor.cuda': ibn.cudaInfo().available ? 'value' : 'TorchError',
  };

  it.each(names)('works in its ordinary state: %s', (name) => {
    scope(() => expect(outcome(() => callOf(name)(ibn, freshTensor()))).toBe(ordinary[name] ?? 'value'));
  });

  it.each(names)('is clear about disposed tensors: %s', (name) => {
    scope(() => {
      const x = freshTensor();
      x.dispose();
      const { disposed } = entries[name] as (typeof entries)[string];
      if (disposed === 'fine') {
        expect(outcome(() => callOf(name)(ibn, x))).toBe('value');
        return;
      }
      const error = errorOf(() => callOf(name)(ibn, x));
      expect(error).toMatchObject({ name: 'TorchError', code: 'ERR_TENSOR_DISPOSED' });
      expect(error.message).toMatch(/^Tensor was disposed/);
    });
  });

  it.each(Object.keys(kinds))('gives a value or a clear error for a tensor that is %s', (kind) => {
    const make = kinds[kind] as () => AnyTensor;
    for (const name of names) {
      scope(() => {
        const x = make();
        outcome(() => callOf(name)(ibn, x));
      });
    }
  });

  it.each([
    ['noGrad', ibn.noGrad],
    ['inferenceMode', ibn.inferenceMode],
  ] as const)('works inside %s and records nothing there', (_, mode) => {
    for (const name of names) {
      scope(() => {
        const x = tensor([1, 2], { requiresGrad: true });
        const result = mode(() => {
          try {
            return callOf(name)(ibn, x);
          } catch (error) {
            expect(CLASSES).toContain((error as Error).name);
            return undefined;
          }
        });
        const isNew = result instanceof Tensor && result !== x && !result.disposed;
        if (isNew) expect([name, result.gradFn]).toEqual([name, null]);
        expect([ibn.isGradEnabled(), ibn.isInferenceModeEnabled()]).toEqual([true, false]);
      });
    }
  });

  it('does in a worker what it does in the main thread', async () => {
    const expected = Object.fromEntries(
      names.map((name) => [name, scope(() => outcome(() => callOf(name)(ibn, freshTensor())))]),
    );
    const table = names.map((name) => `${JSON.stringify(name)}: ${callOf(name).toString()}`).join(',\n');
    const source = `
      import { parentPort } from 'node:worker_threads';
      import * as ibn from ${JSON.stringify(pathToFileURL(join(dist, 'tensor', 'index.js')).href)};
      const table = {${table}};
      const results = {};
      for (const [name, call] of Object.entries(table)) {
        try { ibn.scope(() => void call(ibn, ibn.tensor([1, 2]))); results[name] = 'value'; }
        catch (error) { results[name] = error.name; }
      }
      parentPort.postMessage(results);`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    const results = await new Promise((resolve, reject) =>
      worker.once('message', resolve).once('error', reject),
    );
    expect(results).toEqual(expected);
    await worker.terminate();
  });
});

describe('every op method', () => {
  it('is clear about a disposed tensor', () => {
    const x = freshTensor();
    x.dispose();
    const target = x as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const name of methodNames) {
      const method = toCamelCase(name);
      if (method in members) continue;
      for (const args of [[], [x], [0], [[0], 1]]) {
        const error = errorOf(() => target[method]?.(...args));
        expect(CLASSES, `${method}: ${error.message}`).toContain(error.name);
        if (error.name === 'TorchError')
          expect(error.message).toMatch(/^Tensor was disposed|op for the method/);
      }
    }
  });

  it('refuses this of another kind', () => {
    const prototype = Tensor.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const name of methodNames) {
      const method = toCamelCase(name);
      if (method in members) continue;
      for (const self of [undefined, 3, {}, Tensor.prototype]) {
        expect(
          errorOf(() => prototype[method]?.call(self)),
          method,
        ).toBeInstanceOf(TypeError);
      }
    }
  });
});
