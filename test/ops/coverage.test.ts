import { describe, expect, it } from 'vitest';
import { loadBinding } from '../../lib/binding.ts';
import { parseType } from '../../lib/ops/schema.ts';
import { listOps } from '../../lib/tensor/index.ts';
import { message } from '../helpers/index.ts';
import { allSchemas, innermost, splitName } from './schemas.ts';

const { binding } = loadBinding();
const schemas = allSchemas();

/** Types that cross as handles: what JavaScript can make itself, and torch's classes, which only ops make. */
const MADE_HERE = new Set(['Generator', 'Storage']);
const isHandle = (type: string) => parseType(innermost(type)).kind === 'native';

describe('native layer, coverage', () => {
  it('has a schema and a function for every op of the dispatcher', () => {
    expect(schemas.size).toBe(listOps().length);
    for (const qualified of schemas.keys()) {
      expect(binding.getOp(...splitName(qualified)), qualified).toBeTypeOf('function');
    }
  });

  it('has a converter for each type of every op, and lists the exceptions by name', () => {
    const noArgument: string[] = [];
    const noResult: string[] = [];
    for (const [name, schema] of schemas) {
      const unsupported = (list: typeof schema.arguments) => list.find((item) => item.unsupported);
      const argument = unsupported(schema.arguments);
      const result = unsupported(schema.returns);
      if (argument) noArgument.push(`${name} (${argument.type})`);
      if (result) noResult.push(`${name} (${result.type})`);
    }
    const callable = schemas.size - new Set([...noArgument, ...noResult]).size;
    console.log(
      `${callable} of ${schemas.size} overloads callable; without a converter: ` +
        `${[...noArgument, ...noResult].join(', ') || 'none'}`,
    );
    expect(noArgument).toEqual([]);
    // Gradients of torch.distributed.autograd, which no other op can start.
    expect(noResult).toEqual(['aten::get_gradients (Dict(Tensor, Tensor))']);
    expect(schemas.size).toBeGreaterThan(3400);
  });

  it('takes as handles only what JavaScript or an op makes, and lists the others by type', () => {
    const made = new Set(MADE_HERE);
    for (const schema of schemas.values()) for (const { type } of schema.returns) made.add(innermost(type));
    const missing = new Map<string, string[]>();
    for (const [name, schema] of schemas) {
      for (const { type } of schema.arguments) {
        const inner = innermost(type);
        if (isHandle(type) && !made.has(inner)) missing.set(inner, [...(missing.get(inner) ?? []), name]);
      }
    }
    for (const [type, names] of missing) console.log(`nothing makes a ${type}, for ${names.join(', ')}`);
    const types = [...missing.keys()].sort();
    // A stream needs a device that has them; process groups come with torch.distributed.
    expect(types).toEqual([
      'Stream',
      '__torch__.torch.classes.c10d.ProcessGroup',
      '__torch__.torch.classes.c10d.ReduceOp',
    ]);
  });

  it('knows every schema type in TypeScript as in native code', () => {
    for (const schema of schemas.values()) {
      for (const { type, unsupported } of [...schema.arguments, ...schema.returns]) {
        if (!isHandle(type) || unsupported) continue;
        expect(innermost(type)).toMatch(/^(Generator|Storage|Stream|__torch__\.torch\.classes\..+)$/);
      }
    }
  });

  it('asks for the first required argument of every op by name', () => {
    let asked = 0;
    for (const [name, schema] of schemas) {
      const first = schema.arguments.find((item) => !item.hasDefault);
      if (first === undefined || first !== schema.arguments[0] || first.type.endsWith('?')) continue;
      const call = binding.getOp(...splitName(name)) as () => unknown;
      expect(message(call)).toBe(`TypeError: ${name}: missing argument "${first.name}"`);
      asked++;
    }
    expect(asked).toBeGreaterThan(3200);
  });

  it('knows no op by another name', () => {
    expect(binding.getSchema('aten::no_such_op', '')).toBeUndefined();
    expect(binding.getOp('aten::add', 'no_such_overload')).toBeUndefined();
    expect(binding.getOp('', '')).toBeUndefined();
  });
});
