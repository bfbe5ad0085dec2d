// Writes lib/ops/generated.ts from the schemas of the loaded libtorch: types of every aten overload, of the tensor
// methods, and the list of method names. Prints it instead with --stdout (the test compares).
//   npm run build && node scripts/gen-ops.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadBinding } from '../dist/binding.js';
import { toCamelCase } from '../dist/ops/naming.js';
import { parseType } from '../dist/ops/schema.js';

const here = dirname(fileURLToPath(import.meta.url));
const { binding, libtorch } = loadBinding();
const docs = JSON.parse(readFileSync(join(here, 'doc-names.json'), 'utf8'));
const DOCS = 'https://docs.pytorch.org/docs/stable/generated/';

const TYPES = {
  Tensor: 'T',
  int: 'Int',
  SymInt: 'Int',
  float: 'number',
  SymFloat: 'number',
  bool: 'boolean',
  SymBool: 'boolean',
  Scalar: 'Scalar',
  number: 'Scalar',
  str: 'string',
  Device: 'Device',
  ScalarType: 'DType',
  Layout: 'Layout',
  MemoryFormat: 'MemoryFormat',
  QScheme: 'string',
  Any: 'unknown',
};

function typeText(text, { size, result = false } = {}) {
  const shape = parseType(text, size);
  let type;
  if (shape.kind === 'list') {
    const element = typeText(shape.element.text, { result });
    type = element.includes('|') ? `(${element})[]` : `${element}[]`;
    // What is given is only read.
    if (!result) type = `readonly ${type}`;
    if (size !== undefined && !result) type = `${element} | ${type}`;
  } else {
    type = TYPES[text.replace(/\?$/, '')] ?? 'object';
  }
  return shape.optional ? `${type} | null` : type;
}

const argumentText = (a) => (a.takesNumber ? `${typeText(a.type, a)} | Scalar` : typeText(a.type, a));

const RESERVED = new Set(['function', 'var', 'new', 'default', 'in', 'enum', 'arguments', 'eval']);
const identifier = (name) => (RESERVED.has(name) ? `${name}_` : name);

/** Every form of a call: all by position, or the first few by position and the others by name in the last place. */
function signature(schema, { method, spell }) {
  const args = schema.arguments.slice(method ? 1 : 0);
  const positional = args.filter((a) => !a.kwargOnly);
  const required = positional.findLastIndex((a) => !a.hasDefault) + 1;
  const result = resultText(schema);
  const form = (count) => {
    const rest = [...positional.slice(count), ...args.filter((a) => a.kwargOnly)];
    const given = positional.slice(0, count).map((a) => parameter(a, '', spell));
    return `(${[...given, optionsText(rest, spell)].join(', ')}): ${result}`;
  };
  // By position last: the compiler's messages and `Parameters<>` are of the last one.
  return [
    ...positional.map((_, count) => form(count)),
    byPosition(args, positional, required, spell, result),
  ];
}

/** All by position, keywords in the options. */
function byPosition(args, positional, required, spell, result) {
  const parts = positional.map((a, i) => parameter(a, i < required ? '' : '?', spell));
  const keywords = args.filter((a) => a.kwargOnly);
  if (keywords.length === 0) return `(${parts.join(', ')}): ${result}`;
  if (keywords.every((a) => a.hasDefault)) {
    return `(${[...parts, optionsText(keywords, spell, '?')].join(', ')}): ${result}`;
  }
  // A required parameter may not follow an optional one.
  const all = positional.map((a) => parameter(a, '', spell));
  return `(${[...all, optionsText(keywords, spell)].join(', ')}): ${result}`;
}

function parameter(a, mark, spell) {
  const undef = mark === '' && a.hasDefault ? ' | undefined' : '';
  return `${identifier(spell(a.name))}${mark}: ${argumentText(a)}${undef}`;
}

function optionsText(args, spell, mark = '') {
  const fields = args.map((a) =>
    a.hasDefault
      ? `${spell(a.name)}?: ${argumentText(a)} | undefined`
      : `${spell(a.name)}: ${argumentText(a)}`,
  );
  return `options${mark}: { ${fields.join('; ')} }`;
}

// A method of one list of integers takes them one by one too: view(2, 3).
function varargs(schema) {
  const [list, ...others] = schema.arguments.slice(1).filter((a) => !a.kwargOnly);
  if (others.length > 0 || !/^(Sym)?[Ii]nt\[\]$/.test(list?.type ?? '')) return [];
  return [`(...${identifier(toCamelCase(list.name))}: Int[]): ${resultText(schema)}`];
}

function resultText(schema) {
  const results = schema.returns.map((r) => typeText(r.type, { result: true }));
  if (results.length === 0) return 'void';
  return results.length === 1 ? results[0] : `[${results.join(', ')}]`;
}

function isMethod(schema) {
  const [first] = schema.arguments;
  const isTensor = first?.type === 'Tensor' && (first.name === 'self' || first.name === 'input');
  return isTensor && !schema.arguments.some((a) => a.kwargOnly && a.alias);
}

const bases = new Map();
for (const qualified of binding.listOps()) {
  if (!qualified.startsWith('aten::')) continue;
  const [base, ...rest] = qualified.slice(6).split('.');
  const schema = binding.getSchema(`aten::${base}`, rest.join('.'));
  if (!bases.has(base)) bases.set(base, []);
  bases.get(base).push(schema);
}

const key = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`);
const link = (name) => (docs[name] ? [`  /** ${DOCS}${docs[name]}.html */`] : []);
const same = (name) => name;
const lines = [
  `// Generated by scripts/gen-ops.mjs from the schemas of libtorch ${libtorch.version.replace(/\+.*/, '')}. Do not edit:`,
  '// npm run gen. Each op lists its overloads; keyword arguments go last in an options object.',
  '',
  "import type { Complex } from './complex.ts';",
  "import type { Device, DType, Layout, MemoryFormat } from './types.ts';",
  '',
  '/** An integer: a bigint beyond 2^53. */',
  'export type Int = number | bigint;',
  '/** A number, integer or not, boolean or complex. */',
  'export type Scalar = number | bigint | boolean | Complex;',
  '',
  "/** torch.ops.aten: every op, with torch's names. `T` is the tensor class. */",
  'export interface AtenOps<T> {',
];
const methods = [];
const methodLines = [];
for (const [base, schemas] of [...bases].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const calls = new Set(schemas.flatMap((schema) => signature(schema, { method: false, spell: same })));
  lines.push(...link(base), `  ${key(base)}: {`);
  for (const call of calls) lines.push(`    ${call};`);
  for (const schema of schemas) {
    const texts = signature(schema, { method: false, spell: same });
    const type = texts.length === 1 ? texts[0].replace(/\): (?!.*\): )/, ') => ') : `{ ${texts.join('; ')} }`;
    lines.push(`    ${key(schema.overload || 'default')}: ${type};`);
  }
  lines.push('  };');
  if (base.startsWith('_') && !base.startsWith('__')) continue;
  const own = schemas.filter(isMethod);
  if (own.length === 0 || base.endsWith('_backward') || base.startsWith('__')) continue;
  methods.push(base);
  const spell = (name) => toCamelCase(name);
  const texts = new Set(
    own.flatMap((schema) => [...signature(schema, { method: true, spell }), ...varargs(schema)]),
  );
  methodLines.push(...link(base));
  for (const text of texts) methodLines.push(`  ${key(toCamelCase(base))}${text.replaceAll(/\bT\b/g, 'T')};`);
}
lines.push('}', '', '/** The tensor methods: ops whose first argument is the tensor, in camelCase. */');
lines.push('export interface TensorMethods<T> {', ...methodLines, '}', '');
lines.push(
  '/** Torch names of the ops that are tensor methods. */',
  'export const methodNames: readonly string[] = [',
);
for (const name of methods) lines.push(`  '${name}',`);
lines.push('];', '');

const text = lines.join('\n');
if (process.argv.includes('--stdout')) process.stdout.write(text);
else writeFileSync(join(here, '..', 'lib', 'ops', 'generated.ts'), text);
