// Every op and method, in every form of a call that the runtime takes: all by position, or the first few by position and
// the rest by name in the last place. Each is called, with a recorder in libtorch's place, and compiled.
import { describe, expect, it } from 'vitest';
import type { OpSchema, SchemaArgument } from '../../lib/binding.ts';
import * as fft from '../../lib/functions/generated/fft.ts';
import * as linalg from '../../lib/functions/generated/linalg.ts';
import * as special from '../../lib/functions/generated/special.ts';
import * as torch from '../../lib/functions/generated/torch.ts';
import { methodNames } from '../../lib/ops/generated.ts';
import { toCamelCase } from '../../lib/ops/naming.ts';
import { withRecorder } from '../../lib/ops/recorder.ts';
import { parseType } from '../../lib/ops/schema.ts';
import { ops, Tensor, zeros } from '../../lib/tensor/index.ts';
import { allSchemas } from '../ops/schemas.ts';
import { expectToCompile } from './compile-calls.ts';

interface Value {
  text: string;
  value: unknown;
}

/** A call as TypeScript and as a function to run. */
interface Form {
  text: string;
  run: () => unknown;
}

const x = zeros([2]);
const STRINGS: Record<string, string> = {
  Device: 'cpu',
  ScalarType: 'int8',
  Layout: 'strided',
  MemoryFormat: 'contiguous_format',
};
const PLAIN: Record<string, Value> = {
  Tensor: { text: 'x', value: x },
  int: { text: '1', value: 1 },
  float: { text: '0.5', value: 0.5 },
  bool: { text: 'true', value: true },
  Scalar: { text: '2', value: 2 },
};

/** A value of a schema type, or undefined where JavaScript has none to make. */
function sampleOf(type: string, size?: number): Value | undefined {
  const shape = parseType(type, size);
  if (shape.kind === 'list') {
    const element = sampleOf(shape.element?.text as string);
    return element && { text: `[${element.text}] as const`, value: [element.value] };
  }
  if (shape.kind === 'str') {
    const value = STRINGS[type.replace('?', '')] ?? 'mean';
    return { text: `'${value}'`, value };
  }
  return PLAIN[shape.kind];
}

type Spell = (name: string) => string;

/** The arguments of each form of calling `schema`: 0, 1, 2 ... by position, as [texts, values]. */
function argumentLists(args: SchemaArgument[], spell: Spell): [string[], unknown[]][] | undefined {
  const given = args.map((argument) => sampleOf(argument.type, argument.size));
  if (given.some((value) => value === undefined)) return undefined;
  const values = given as Value[];
  const positional = args.filter(({ kwargOnly }) => !kwargOnly).length;
  return Array.from({ length: positional + 1 }, (_, count) => {
    const texts = values.slice(0, count).map(({ text }) => text);
    const list = values.slice(0, count).map(({ value }) => value);
    if (count === args.length) return [texts, list];
    const named = args.slice(count).map(({ name }, i) => [spell(name), values[count + i] as Value] as const);
    const options = Object.fromEntries(named.map(([name, { value }]) => [name, value]));
    return [
      [...texts, `{ ${named.map(([name, { text }]) => `${name}: ${text}`).join(', ')} }`],
      [...list, options],
    ];
  });
}

type Callable = (...args: unknown[]) => unknown;

const aten = ops.aten as unknown as Record<string, Callable & Record<string, Callable>>;
const same: Spell = (name) => name;

function opForms(base: string, overload: string, schema: OpSchema): Form[] {
  const key = overload === '' ? 'default' : overload;
  const name = `aten[${JSON.stringify(base)}]`;
  const op = aten[base];
  return (argumentLists(schema.arguments, same) ?? []).flatMap(([texts, values]) => [
    {
      text: `${name}[${JSON.stringify(key)}](${texts.join(', ')})`,
      run: () => op?.[key]?.(...values),
    },
    { text: `${name}(${texts.join(', ')})`, run: () => op?.(...values) },
  ]);
}

const methods = new Set(methodNames.map(toCamelCase));

function methodForms(base: string, schema: OpSchema): Form[] {
  const name = toCamelCase(base);
  const own = schema.arguments[0];
  const isMethod =
    methods.has(name) &&
    own?.type === 'Tensor' &&
    (own.name === 'self' || own.name === 'input') &&
    !schema.arguments.some(({ kwargOnly, alias }) => kwargOnly && alias !== undefined) &&
    isGenerated(name);
  if (!isMethod) return [];
  const lists = argumentLists(schema.arguments.slice(1), toCamelCase) ?? [];
  const method = (x as unknown as Record<string, Callable>)[name] as Callable;
  return lists.map(([texts, values]) => ({
    text: `x[${JSON.stringify(name)}](${texts.join(', ')})`,
    run: () => method.apply(x, values),
  }));
}

/** Members that the class has of its own are typed by hand: their functions have names, those made from ops none. */
function isGenerated(name: string): boolean {
  const descriptor = Object.getOwnPropertyDescriptor(Tensor.prototype, name);
  return typeof descriptor?.value === 'function' && descriptor.value.name !== name;
}

const NAMESPACES = { torch, linalg, fft, special } as unknown as Record<string, Record<string, Callable>>;

/** The functions made of an op, as `linalg.svd`; those with `out` are called by `ops.aten`. */
function functionForms(base: string, schema: OpSchema): Form[] {
  const unusual = ({ type, kwargOnly, alias }: SchemaArgument) =>
    type.includes('Dimname') || (kwargOnly && alias !== undefined);
  if (schema.arguments.some(unusual)) return [];
  return Object.entries(NAMESPACES).flatMap(([namespace, functions]) => {
    const prefix = namespace === 'torch' ? '' : `${namespace}_`;
    const name = toCamelCase(base.slice(prefix.length));
    const call = functions[name];
    if (!base.startsWith(prefix) || call === undefined) return [];
    // Nobody names the first argument.
    return (argumentLists(schema.arguments, toCamelCase) ?? []).slice(1).map(([texts, values]) => ({
      text: `${namespace}[${JSON.stringify(name)}](${texts.join(', ')})`,
      run: () => call(...values),
    }));
  });
}

const forms: Form[] = [];
for (const schema of allSchemas().values()) {
  if (!schema.name.startsWith('aten::')) continue;
  const base = schema.name.slice('aten::'.length);
  forms.push(
    ...opForms(base, schema.overload, schema),
    ...methodForms(base, schema),
    ...functionForms(base, schema),
  );
}

/** Which op is called is all that is asked; libtorch is not. */
function reaches(form: Form): boolean {
  const reached = Symbol('reached');
  const standIn = () => {
    throw reached;
  };
  try {
    withRecorder(() => {}, form.run, standIn);
  } catch (error) {
    return error === reached;
  }
  return false;
}

describe('types of ops, methods and functions', () => {
  it('accept every form of a call that the runtime takes', () => {
    const taken = forms.filter(reaches);
    expect(forms.length).toBeGreaterThan(17_000);
    expect(taken.length / forms.length).toBeGreaterThan(0.99);
    expectToCompile(
      `import * as torch from '../../../lib/functions/index.ts';
import { ops, type Tensor } from '../../../lib/tensor/index.ts';
const { aten } = ops; const { linalg, fft, special } = torch;
declare const x: Tensor;
`,
      taken.map(({ text }) => text),
    );
  });
});
