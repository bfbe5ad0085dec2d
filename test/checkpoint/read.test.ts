import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encode, normalize, type TensorSource } from './encode.ts';
import {
  elementBytes,
  FakeComplex,
  FakeStorage,
  FakeTensor,
  fixtureBytes,
  fixturePath,
  readFake,
} from './fake-backend.ts';

const expected: Record<string, unknown> = JSON.parse(readFileSync(fixturePath('expected.json'), 'utf8'));

const inspector: TensorSource = {
  tensor(value, numberOf) {
    if (!(value instanceof FakeTensor)) return undefined;
    const { dtype, offset, size, stride, requiresGrad, conj, neg } = value.fields;
    return {
      dtype,
      size: [...size],
      stride: [...stride],
      offset,
      requiresGrad,
      storage: numberOf(value.storage.bytes.length === 0 ? value : value.storage),
      storageBytes: value.storage.bytes.length,
      data: elementBytes(value).toString('base64'),
      ...(conj ? { conj } : {}),
      ...(neg ? { neg } : {}),
    };
  },
  storage: (value) => (value instanceof FakeStorage ? value.bytes : undefined),
  complex: (value) => (value instanceof FakeComplex ? [value.re, value.im] : undefined),
};

describe('checkpoints, read', () => {
  it.each(Object.keys(expected))('%s reads as Python reads it', (name) => {
    const value = readFake(fixtureBytes(name), name, { warn: () => {} });
    expect(encode(value, inspector)).toEqual(normalize(expected[name]));
  });
});
