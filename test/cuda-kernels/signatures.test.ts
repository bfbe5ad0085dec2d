import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadBinding, type SchemaArgument } from '../../lib/binding.ts';
import { root } from '../helpers/files.ts';

const TYPES: Record<string, string> = {
  'const Tensor&': 'Tensor',
  'const MaybeTensor&': 'Tensor?',
  int64_t: 'int',
  double: 'float',
  bool: 'bool',
};

/** `[type, name]` of each parameter of a C++ function, types as a schema has them. */
function parametersOf(source: string, name: string): string[] {
  const [, list = ''] = new RegExp(`^void ${name}\\(([^)]*)\\)`, 'm').exec(source) ?? [];
  return list.split(',').map((parameter) => {
    const [, type = '', argument] = /^(.*?)\s*(?:\/\*)?(\w+)(?:\*\/)?$/s.exec(parameter.trim()) ?? [];
    return `${TYPES[type]} ${argument}`;
  });
}

const show = ({ type, name }: SchemaArgument) => `${type} ${name}`;

// The stable ABI takes arguments by place and looks at no schema.
it.each([
  ['_instance_batch_norm_out', 'forwardOut', 18],
  ['_instance_batch_norm_backward_out', 'backwardOut', 20],
])('the CUDA kernel of ibn::%s takes the arguments of its schema, in their order', (op, name, count) => {
  const source = readFileSync(join(root, 'native/cuda/library.cu'), 'utf8');
  const schema = loadBinding().binding.getSchema(`ibn::${op}`, '');
  expect(schema?.arguments).toHaveLength(count);
  expect(parametersOf(source, name)).toEqual(schema?.arguments.map(show));
});
