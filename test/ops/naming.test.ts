import { describe, expect, it } from 'vitest';
import { methodNames } from '../../lib/ops/generated.ts';
import { toCamelCase, toTorchName } from '../../lib/ops/index.ts';
import { listOps, ops, Tensor } from '../../lib/tensor/index.ts';
import { message, withScope } from '../helpers/index.ts';
import { allSchemas, splitName } from './schemas.ts';

const baseNames = [...new Set(listOps().map((name) => splitName(name)[0]))];

describe('naming of ops', () => {
  it.each([
    ['index_select', 'indexSelect'],
    ['add_', 'add_'],
    ['_softmax', '_softmax'],
    ['masked_fill_', 'maskedFill_'],
    ['__and__', '__and__'],
    ['_foreach_add_', '_foreachAdd_'],
    ['upsample_nearest2d', 'upsampleNearest2d'],
    ['log_softmax', 'logSoftmax'],
    ['stft', 'stft'],
    ['linalg_lu_factor_ex', 'linalgLuFactorEx'],
  ])('%s is %s in TypeScript', (torch, camel) => {
    expect(toCamelCase(torch)).toBe(camel);
  });

  it('gives every op of a namespace a name of its own, and finds the way back', () => {
    for (const namespace of new Set(baseNames.map((name) => name.split('::')[0] as string))) {
      const prefix = `${namespace}::`;
      const torchNames = baseNames
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length));
      const images = new Map(torchNames.map((name) => [toCamelCase(name), name]));
      expect(images.size, namespace).toBe(torchNames.length);
      for (const [camel, torch] of images) expect(toTorchName(camel, [torch])).toBe(torch);
    }
    const aten = baseNames.map((name) => name.split('::')[1] as string);
    for (const name of ['index_select', '_softmax', 'add_', '__and__']) {
      expect(toTorchName(toCamelCase(name), aten)).toBe(name);
    }
    expect(toTorchName('noSuchOp', aten)).toBeUndefined();
  });

  it('gives the arguments of every schema names of their own', () => {
    for (const [name, schema] of allSchemas()) {
      const torch = new Set(schema.arguments.map((argument) => argument.name));
      expect(new Set([...torch].map(toCamelCase)).size, name).toBe(torch.size);
    }
  });

  it('puts a method on Tensor for every name of the table', () => {
    expect(methodNames.length).toBeGreaterThan(700);
    for (const name of methodNames) {
      expect(toCamelCase(name) in Tensor.prototype, name).toBe(true);
    }
  });

  it(
    'lists the overloads of an op in the order of their registration, as Python does',
    withScope(() => {
      const packet = ops.aten.add as unknown as { overloads(): string[] };
      expect(packet.overloads()).toEqual(['Tensor', 'Scalar', 'out', 'Scalar_out']);
      const relu = ops.aten.relu as unknown as { overloads(): string[] };
      expect(relu.overloads()).toEqual(['default', 'out']);
    }),
  );

  it('refuses names that the dispatcher does not have', () => {
    const aten = ops.aten as unknown as Record<string, unknown>;
    expect(message(() => aten.no_such_op)).toMatchInlineSnapshot(
      `"TorchError: Expected an op of this libtorch, got "aten::no_such_op""`,
    );
    expect(message(() => ops.nowhere?.thing)).toMatchInlineSnapshot(
      `"TorchError: Expected an op of this libtorch, got "nowhere::thing""`,
    );
  });

  it('can be awaited, printed and compared as any object', async () => {
    expect(await ops.aten).toBe(ops.aten);
    expect(await ops).toBe(ops);
    expect(JSON.stringify(ops.quantization)).toBe('{}');
    expect(`${ops.aten.add.name}`).toBeTypeOf('string');
  });
});
