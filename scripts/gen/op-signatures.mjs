// The texts of calls that scripts/gen/ops.mjs and scripts/gen/functions.mjs write, from schemas.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadBinding } from '../../dist/binding.js';
import { toCamelCase } from '../../dist/ops/naming.js';
import { parseType } from '../../dist/ops/schema.js';

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
export function signature(schema, { method, spell }) {
  const args = schema.arguments.slice(method ? 1 : 0);
  const positional = args.filter((a) => !a.kwargOnly);
  const required = positional.findLastIndex((a) => !a.hasDefault) + 1;
  const result = resultText(schema, spell);
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
export function varargs(schema) {
  const [list, ...others] = schema.arguments.slice(1).filter((a) => !a.kwargOnly);
  if (others.length > 0 || !/^(Sym)?[Ii]nt\[\]$/.test(list?.type ?? '')) return [];
  return [`(...${identifier(toCamelCase(list.name))}: Int[]): ${resultText(schema)}`];
}

/** Results that the schema names have these names too, as torch's return types. */
function resultText(schema, spell = toCamelCase) {
  const results = schema.returns.map((r) => typeText(r.type, { result: true }));
  if (results.length === 0) return 'void';
  if (results.length === 1) return results[0];
  const names = schema.returns.map((r) => r.name && spell(r.name));
  const tuple = `[${results.join(', ')}]`;
  if (!names.every(Boolean)) return tuple;
  return `${tuple} & { ${results.map((type, i) => `readonly ${names[i]}: ${type}`).join('; ')} }`;
}

export function isMethod(schema) {
  const [first] = schema.arguments;
  const isTensor = first?.type === 'Tensor' && (first.name === 'self' || first.name === 'input');
  return isTensor && !schema.arguments.some((a) => a.kwargOnly && a.alias);
}

/** Schemas by the op's name. */
export const bases = new Map();
for (const qualified of binding.listOps()) {
  if (!qualified.startsWith('aten::')) continue;
  const [base, ...rest] = qualified.slice(6).split('.');
  const schema = binding.getSchema(`aten::${base}`, rest.join('.'));
  if (!bases.has(base)) bases.set(base, []);
  bases.get(base).push(schema);
}

export const key = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`);
/** The page of PyTorch's documentation, as a comment. */
export const link = (name) => (docs[name] ? [`  /** ${DOCS}${docs[name]}.html */`] : []);
/** torch's documented names, as `torch.abs`, by op. */
export { docs };
export const version = libtorch.version.replace(/\+.*/, '');

/** Where a generated file goes: to `path` in the repository, or printed with --stdout (the test compares). */
export function put(path, lines) {
  const text = [...lines, ''].join('\n');
  if (process.argv.includes('--stdout')) process.stdout.write(text);
  else writeFileSync(join(here, '../..', path), text);
}
