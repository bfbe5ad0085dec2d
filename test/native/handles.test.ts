import { types } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { type Binding, type Handle, loadBinding } from '../../lib/binding.ts';
import { unwrap } from '../../lib/ops/index.ts';
import { Generator, ops, Tensor, tensor } from '../../lib/tensor/index.ts';
import { errorOf, message } from '../helpers/index.ts';

const { binding } = loadBinding();
const { aten } = ops;

const x = () => tensor([1, 2]);

/** What is no tensor, by name. */
const strangers: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  number: () => 7,
  string: () => 'tensor',
  symbol: () => Symbol('tensor'),
  function: () => () => {},
  array: () => [x()],
  object: () => ({ shape: [2], dtype: 'float32' }),
  prototype: () => Tensor.prototype,
  'fake prototype': () => Object.create(Tensor.prototype),
  'prototype set later': () => Object.setPrototypeOf({}, Tensor.prototype),
  'tensor as prototype': () => Object.create(x()),
  proxy: () => new Proxy(x(), {}),
  'raw handle': () => unwrap(x()),
  generator: () => new Generator(),
  storage: () => x().untypedStorage(),
  'subclass without constructor': () => Reflect.construct(Object, [], Tensor),
  'typed array': () => new Float32Array(2),
  'object of another realm': () => runInContext('({})', createContext()),
};
const notTensors = Object.keys(strangers).filter((name) => name !== 'generator' && name !== 'storage');

describe('what is no tensor is refused without a crash', () => {
  it.each(Object.keys(strangers))('as an argument of an op: %s', (name) => {
    const value = (strangers[name] as () => unknown)() as Tensor;
    expect(message(() => aten.relu(value))).toMatch(/^TypeError: Expected/);
    expect(message(() => aten.cat([value]))).toMatch(/^TypeError: Expected/);
    expect(message(() => aten.index(x(), [value, value, value]))).toMatch(/Error: /);
  });

  it.each(notTensors)('as this of a method: %s', (name) => {
    const value = (strangers[name] as () => unknown)();
    const shape = Object.getOwnPropertyDescriptor(Tensor.prototype, 'shape')?.get as () => unknown;
    for (const method of [
      () => shape.call(value),
      () => Tensor.prototype.dispose.call(value as Tensor),
      () => Tensor.prototype.data.call(value as Tensor),
      () => Tensor.prototype.toString.call(value as Tensor),
      () => Tensor.prototype.backward.call(value as Tensor),
      () => Tensor.prototype.relu.call(value as Tensor),
      () => Tensor.prototype.index.call(value as Tensor, 0),
    ]) {
      expect(errorOf(method), String(method)).toBeInstanceOf(TypeError);
    }
  });

  it.each(['generator', 'storage'])('as this of a method: %s', (name) => {
    const value = (strangers[name] as () => unknown)() as Tensor;
    expect(errorOf(() => Tensor.prototype.dim.call(value))).toBeInstanceOf(TypeError);
    expect(errorOf(() => Tensor.prototype.relu.call(value))).toBeInstanceOf(TypeError);
    expect(errorOf(() => Tensor.prototype.data.call(value))).toBeInstanceOf(TypeError);
  });

  it('in a list that changes while it is read', () => {
    const list = [x(), x()];
    Object.defineProperty(list, 1, {
      get() {
        list.length = 0;
        return x();
      },
    });
    expect(() => aten.cat(list)).not.toThrow(RangeError);
    const thrower = [1, 2];
    Object.defineProperty(thrower, 1, {
      get() {
        throw new Error('from a getter');
      },
    });
    expect(message(() => aten.zeros(thrower))).toBe('Error: from a getter');
  });

  it('as a handle that JavaScript made up', () => {
    for (const value of [undefined, null, 5, {}, [], Symbol('x'), () => {}]) {
      const made = value as unknown as Handle;
      expect(message(() => binding.sizes(made))).toMatch(/TypeError: Expected a Tensor/);
      expect(message(() => new Tensor(made).shape)).toMatch(/TypeError: Expected a Tensor/);
      expect(message(() => binding.storageBytes(made))).toMatch(/TypeError: Expected an UntypedStorage/);
      expect(() => binding.dispose(made)).not.toThrow();
    }
  });

  it('in every function of the binding, called with nothing and with garbage', () => {
    const functions = Object.entries(binding).filter(([, value]) => typeof value === 'function');
    expect(functions.length).toBeGreaterThan(50);
    const harmless = new Set([
      'setTorchError',
      'setWarningHandler',
      'exitInferenceMode',
      'enterInferenceMode',
      'setGradEnabled',
    ]);
    for (const [name, fn] of functions) {
      if (harmless.has(name)) continue;
      for (const args of [
        [],
        [{}],
        [null, null],
        ['x', 'y', 'z'],
        [-1, -1, -1, -1],
        [[], [], [], []],
        [Number.NaN],
      ]) {
        try {
          (fn as (...args: unknown[]) => unknown)(...args);
        } catch (error) {
          expect(error, `${name}(${args})`).toBeInstanceOf(Error);
        }
      }
    }
    expect(x().add(1).toArray()).toEqual([2, 3]);
  });

  it('handles are opaque externals', () => {
    const handle = unwrap(x());
    expect(types.isExternal(handle)).toBe(true);
    expect(Object.keys(handle)).toEqual([]);
    expect(() => structuredClone(handle)).toThrow();
    expect(message(() => binding.dtype(unwrap(new Generator())))).toMatch(/TypeError: Expected a Tensor/);
    expect(message(() => binding.generatorSeed(unwrap(x()), 1))).toMatch(/TypeError: Expected a Generator/);
    expect(message(() => binding.storageBytes(unwrap(x())))).toMatch(/TypeError: Expected an UntypedStorage/);
  });

  it('externals of another addon are refused', () => {
    // Node's own externals: the handle behind a vm or inspector object is none of this addon's.
    const foreign = Object.values(process as unknown as Record<string, unknown>).filter((v) =>
      types.isExternal(v),
    );
    for (const value of foreign) expect(() => binding.sizes(value as Handle)).toThrow(TypeError);
    expect(types.isExternal(unwrap(x()))).toBe(true);
  });
});

describe('native calls', () => {
  it('take at most the arguments of the schema', () => {
    const relu = binding.getOp('aten::relu', '') as NonNullable<ReturnType<Binding['getOp']>>;
    const extra = Array.from({ length: 100 }, () => unwrap(x()));
    expect(() => relu(...extra)).not.toThrow(RangeError);
    expect(message(() => relu())).toMatchInlineSnapshot(`"TypeError: aten::relu: missing argument "self""`);
  });

  it('work again after an error in the middle of the arguments', () => {
    const add = binding.getOp('aten::add', 'Tensor') as NonNullable<ReturnType<Binding['getOp']>>;
    for (let i = 0; i < 1000; i++) expect(() => add(unwrap(x()), 'nonsense', {})).toThrow(TypeError);
    expect(new Tensor(add(unwrap(x()), unwrap(x())) as Handle).toArray()).toEqual([2, 4]);
  });

  it('are the same functions under the dispatcher names', () => {
    const add = binding.getOp('aten::add', 'Tensor') as { name: string };
    expect(add.name).toBe('aten::add.Tensor');
  });
});
