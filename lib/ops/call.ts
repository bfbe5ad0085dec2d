import { types } from 'node:util';
import { loadBinding, type NativeOp, type OpSchema } from '../binding.ts';
import { TorchError } from '../errors.ts';
import { Complex } from './complex.ts';
import { guarded } from './guards.ts';
import {
  handleOf,
  isNative,
  isTensorObject,
  type NativeObject,
  OpaqueValue,
  unwrap,
  wrapTensor,
} from './handle.ts';
import { gatherFor } from './named-results.ts';
import { toCamelCase } from './naming.ts';
import { recorder, standIn } from './recorder.ts';
import {
  acceptsArgument,
  formatSchema,
  type ParsedSchema,
  parseSchema,
  plainType,
  qualifiedName,
  type TypeShape,
} from './schema.ts';

/** A callable overload of an op. */
export interface Overload {
  schema: ParsedSchema;
  native: NativeOp;
  /** For ops of a tensor and sizes, such as view: the sizes as numbers, without an array. */
  onSizes: NativeOp | undefined;
  wrap: (result: unknown, args: unknown[]) => unknown;
}

/** How keyword arguments are spelled: torch's way, or camelCase for methods. */
export type Spelling = 'torch' | 'camel';

export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[${describe(value[0])}, ...]`;
  if (typeof value === 'object')
    return isNative(value)
      ? value.constructor.name
      : `an object of class ${value.constructor?.name ?? 'Object'}`;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : `a ${typeof value}`;
}

/** A plain object in the last place holds keyword arguments: no schema type is a plain object. */
export function isOptions(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function toNative(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const handle = handleOf(value);
  if (handle !== undefined) return handle;
  if (Array.isArray(value)) return typeof value[0] === 'number' ? value : value.map(toNative);
  return value;
}

function wrapByShape(shape: TypeShape, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (shape.kind === 'Tensor') return wrapTensor(value);
  if (shape.kind === 'list')
    return (value as unknown[]).map((item) => wrapByShape(shape.element as TypeShape, item));
  if (shape.kind === 'native') return new OpaqueValue(value as never);
  if (shape.kind === 'any') return wrapAny(value);
  if (shape.kind === 'Scalar' && typeof value === 'object') {
    const { re, im } = value as { re: number; im: number };
    return new Complex(re, im);
  }
  return value;
}

/** A result whose schema does not tell its type: handles are found among plain values. */
function wrapAny(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wrapAny);
  if (!types.isExternal(value)) return value;
  const isTensor = !loadBinding().binding.isDisposed(value as never);
  return isTensor ? wrapTensor(value) : new OpaqueValue(value as never);
}

function makeWrap(schema: ParsedSchema): Overload['wrap'] {
  const { returnShapes } = schema;
  const first = returnShapes[0];
  if (first === undefined) return () => undefined;
  if (schema.returnsArguments) return makeArgumentReturn(schema);
  if (returnShapes.length === 1) {
    if (first.kind === 'Tensor' && !first.optional) return wrapTensor;
    return (result) => wrapByShape(first, result);
  }
  const gather = gatherFor(schema);
  return (result) => gather(returnShapes.map((shape, i) => wrapByShape(shape, (result as unknown[])[i])));
}

/** In-place and out ops return the very objects they were given. */
function makeArgumentReturn(schema: ParsedSchema): Overload['wrap'] {
  const places = schema.returns.map((result) =>
    schema.arguments.findIndex((argument) => argument.alias === result.alias),
  );
  if (places.length === 1) {
    const place = places[0] as number;
    return (_, args) => args[place];
  }
  const gather = gatherFor(schema);
  return (_, args) => gather(places.map((place) => args[place]));
}

/** Calls with arguments in schema order. */
export function invoke(overload: Overload, args: unknown[]): unknown {
  if (recorder === null) return run(overload, args);
  const result = standIn?.(overload.schema, args) ?? run(overload, args);
  recorder(overload.schema, args, result);
  return result;
}

function run(overload: Overload, args: unknown[]): unknown {
  const { native, wrap } = overload;
  switch (args.length) {
    case 1:
      return wrap(native(toNative(args[0])), args);
    case 2:
      return wrap(native(toNative(args[0]), toNative(args[1])), args);
    case 3:
      return wrap(native(toNative(args[0]), toNative(args[1]), toNative(args[2])), args);
    default:
      return wrap(native(...args.map(toNative)), args);
  }
}

/** Places the options of the last argument among `args`; undefined when they do not fit the schema. */
function orderOptions(
  schema: ParsedSchema,
  args: unknown[],
  options: Record<string, unknown>,
  spelling: Spelling,
): unknown[] | undefined {
  const ordered: unknown[] = args.slice(0, -1);
  const given = ordered.length;
  if (given > schema.positional) return undefined;
  for (const key of Object.keys(options)) {
    if (options[key] === undefined) continue;
    const index = schema.parsed.findIndex(
      ({ name }) => (spelling === 'camel' ? toCamelCase(name) : name) === key,
    );
    if (index < given) return undefined;
    while (ordered.length <= index) ordered.push(undefined);
    ordered[index] = options[key];
  }
  return ordered;
}

/** `args` in schema order, or undefined when they do not fit the schema. */
function match(schema: ParsedSchema, args: unknown[], spelling: Spelling): unknown[] | undefined {
  const last = args[args.length - 1];
  const ordered = isOptions(last) ? orderOptions(schema, args, last, spelling) : args;
  if (ordered === undefined || (ordered === args && args.length > schema.positional)) return undefined;
  for (let i = 0; i < schema.parsed.length; i++) {
    const argument = schema.parsed[i] as ParsedSchema['parsed'][number];
    const value = ordered[i];
    if (value === undefined ? !argument.hasDefault : !acceptsArgument(argument, value)) return undefined;
  }
  return ordered;
}

const KINDS: Record<string, number> = { number: 1, boolean: 3, string: 4, bigint: 5, undefined: 6 };
const NATIVE = 8;
const INTEGERS = 10;
const UNCACHED = -1;
const KEY_BITS = 4;
const MAX_KEYED = 7;
const MOST_SIZES = 32;
/** The key of a call with one tensor. */
const UNARY = (1 << KEY_BITS) | NATIVE;

function arrayKind(value: object): number | undefined {
  if (!Array.isArray(value)) return undefined;
  if (value.length === 0) return 9;
  if (Number.isInteger(value[0])) return INTEGERS;
  return typeof value[0] === 'object' && value[0] !== null && isNative(value[0]) ? 11 : undefined;
}

function kindOf(value: unknown): number | undefined {
  if (typeof value === 'object') return value === null ? 7 : isNative(value) ? NATIVE : arrayKind(value);
  return typeof value === 'number' && !Number.isInteger(value) ? 2 : KINDS[typeof value];
}

/** A small number for the kinds of `args`, the same for all calls that resolve alike; -1 when it cannot say. */
function keyOf(args: unknown[]): number {
  if (args.length > MAX_KEYED) return UNCACHED;
  let key = 1;
  for (const value of args) {
    const kind = kindOf(value);
    if (kind === undefined) return UNCACHED;
    key = (key << KEY_BITS) | kind;
  }
  return key;
}

function isVarargs(args: unknown[]): boolean {
  return args.length > 1 && args.every((value, i) => i === 0 || kindOf(value) === 1 || kindOf(value) === 5);
}

const gather = ([self, ...integers]: unknown[]) => [self, integers];

function takesIntegersAlone({ positional, parsed }: ParsedSchema): boolean {
  const sizes = parsed[1]?.shape;
  return positional === 2 && sizes?.kind === 'list' && sizes.element?.kind === 'int';
}

/** All overloads of one op, chosen by the arguments, as torch's OpOverloadPacket does. */
export class Packet {
  readonly name: string;
  readonly overloadNames: string[];
  readonly #overloads = new Map<string, Overload>();
  readonly #resolved = new Map<number, Overload>();
  #ordered: string[] | undefined;
  /** Takes integers one by one. */
  #varargs: Overload | undefined;

  constructor(name: string, overloadNames: string[]) {
    this.name = name;
    this.overloadNames = overloadNames;
  }

  /** The overload of that name, made at its first use. */
  overload(name: string): Overload {
    let overload = this.#overloads.get(name);
    if (overload === undefined) {
      overload = makeOverload(this.name, name);
      this.#overloads.set(name, overload);
    }
    return overload;
  }

  /** Calls the first overload whose schema takes `args`. */
  call(args: unknown[], spelling: Spelling): unknown {
    const key = keyOf(args);
    const known = key === UNCACHED ? undefined : this.#resolved.get(key);
    if (known !== undefined) return invoke(known, args);
    if (this.#varargs !== undefined && isVarargs(args)) return invoke(this.#varargs, gather(args));
    for (const name of this.#candidates()) {
      const overload = this.overload(name);
      const ordered = match(overload.schema, args, spelling);
      if (ordered === undefined) continue;
      if (key !== UNCACHED && !this.#holdsOthers(args)) this.#resolved.set(key, overload);
      return invoke(overload, ordered);
    }
    return this.#callGathered(args, spelling);
  }

  /** Overload names by precedence: where Python takes a number for a tensor, it prefers that to the Scalar overload. */
  #candidates(): string[] {
    if (this.#ordered === undefined) {
      const first = this.overloadNames.filter((name) => name.startsWith('Tensor') && this.#takesNumber(name));
      this.#ordered = [...first, ...this.overloadNames.filter((name) => !first.includes(name))];
    }
    return this.#ordered;
  }

  #takesNumber(name: string): boolean {
    return this.overload(name).schema.parsed.some(({ takesNumber }) => takesNumber);
  }

  /** Whether what `args` resolve to depends on more than their kinds: storages and tensors count as one kind. */
  #holdsOthers(args: unknown[]): boolean {
    const isOther = (value: unknown) => typeof value === 'object' && value !== null && isNative(value);
    return (
      args.some((value) => isOther(value) && !isTensorObject(value as object)) ||
      [...this.#overloads.values()].some(({ schema }) =>
        schema.parsed.some(({ shape }, i) => shape.kind === 'native' && isOther(args[i])),
      )
    );
  }

  /** `x.view(2, 3)` for `x.view([2, 3])`, as Python's methods of one list of integers take them. */
  #callGathered(args: unknown[], spelling: Spelling): unknown {
    if (spelling === 'camel' && isVarargs(args)) {
      const gathered = gather(args);
      for (const name of this.overloadNames) {
        const overload = this.overload(name);
        if (!takesIntegersAlone(overload.schema) || !match(overload.schema, gathered, spelling)) continue;
        this.#varargs = overload;
        return invoke(overload, gathered);
      }
    }
    return this.#refuse(args, spelling);
  }

  /** `call([self])` for a tensor, without the detours: most calls are this one or the next. */
  callUnary(self: NativeObject, spelling: Spelling): unknown {
    const known = this.#resolved.get(UNARY);
    if (known === undefined || known.wrap !== wrapTensor || recorder !== null)
      return this.call([self], spelling);
    return wrapTensor(known.native(unwrap(self)));
  }

  /** `call([self, other])` for a tensor. */
  callBinary(self: NativeObject, other: unknown, spelling: Spelling): unknown {
    const kind = kindOf(other);
    const known = kind === undefined ? undefined : this.#resolved.get((UNARY << KEY_BITS) | kind);
    if (known === undefined || known.wrap !== wrapTensor || recorder !== null)
      return this.call([self, other], spelling);
    if (kind === INTEGERS && known.onSizes !== undefined && (other as number[]).length <= MOST_SIZES)
      return wrapTensor(known.onSizes(unwrap(self), ...(other as number[])));
    return wrapTensor(known.native(unwrap(self), toNative(other)));
  }

  #refuse(args: unknown[], spelling: Spelling): never {
    const schemas = this.overloadNames.map((name) => this.overload(name).schema);
    throw noMatch(this.name, schemas, args, spelling);
  }
}

/** Calls one overload by name, checking the arguments against its schema. */
export function callOverload(packet: Packet, name: string, args: unknown[]): unknown {
  const overload = packet.overload(name);
  const ordered = match(overload.schema, args, 'torch');
  if (ordered === undefined) throw noMatch(packet.name, [overload.schema], args, 'torch');
  return invoke(overload, ordered);
}

function makeOverload(name: string, overloadName: string): Overload {
  const { binding } = loadBinding();
  const schema = binding.getSchema(name, overloadName);
  const native = binding.getOp(name, overloadName);
  if (schema === undefined || native === undefined) {
    const wanted = overloadName === '' ? name : `${name}.${overloadName}`;
    throw new TorchError(`Expected an op of this libtorch, got "${wanted}"`, {
      code: 'ERR_UNKNOWN_OP',
      op: wanted,
    });
  }
  const parsed = parseSchema(schema);
  const onSizes = takesSizes(schema) ? binding.getSizesOp(name, overloadName) : undefined;
  return { schema: parsed, native: guarded(name, native), onSizes, wrap: makeWrap(parsed) };
}

function takesSizes({ arguments: [self, sizes, ...rest] }: OpSchema): boolean {
  return self?.type === 'Tensor' && sizes?.type === 'SymInt[]' && rest.length === 0;
}

function argumentsText(args: unknown[]): string {
  const last = args[args.length - 1];
  const options = isOptions(last) ? last : undefined;
  const positional = options === undefined ? args : args.slice(0, -1);
  const parts = positional.map(describe);
  if (options) {
    const pairs = Object.entries(options).map(([key, value]) => `${key}: ${describe(value)}`);
    parts.push(`{ ${pairs.join(', ')} }`);
  }
  return `(${parts.join(', ')})`;
}

/** The error for arguments that no overload takes: for a single candidate it names the argument at fault. */
function noMatch(name: string, schemas: ParsedSchema[], args: unknown[], spelling: Spelling): Error {
  const usable = schemas.filter((schema) => !schema.overload.includes('out'));
  const candidates = usable.length > 0 ? usable : schemas;
  const only = candidates.length === 1 ? (candidates[0] as ParsedSchema) : undefined;
  const fault = only && findFault(only, args, spelling);
  if (fault) return new TypeError(fault);
  return new TypeError(
    `Expected arguments for ${name} that fit one of its schemas, got ${argumentsText(args)}${listHint(args)}:\n` +
      candidates.map((schema) => `- ${formatSchema(schema)}`).join('\n'),
  );
}

/** What to write for `x.sum(0, 1)` and `ops.aten.permute(x, 2, 0, 1)`. */
function listHint(args: unknown[]): string {
  const start = args.findIndex((value) => typeof value === 'number');
  const numbers = start < 0 ? [] : args.slice(start);
  if (numbers.length < 2 || !numbers.every((value) => Number.isInteger(value))) return '';
  return `; several dimensions or sizes are one array: [${numbers.join(', ')}]`;
}

function findFault(schema: ParsedSchema, args: unknown[], spelling: Spelling): string | undefined {
  const name = qualifiedName(schema);
  const last = args[args.length - 1];
  const options = isOptions(last) ? last : {};
  const spell = (text: string) => (spelling === 'camel' ? toCamelCase(text) : text);
  const unknown = Object.keys(options).find(
    (key) => !schema.parsed.some((argument) => spell(argument.name) === key),
  );
  if (unknown !== undefined) {
    const known = schema.parsed.slice(1).map((argument) => spell(argument.name));
    const expected =
      known.length === 0 ? `no options for ${name}` : `options of ${name} (${known.join(', ')})`;
    return `Expected ${expected}, got "${unknown}"`;
  }
  const positional = isOptions(last) ? args.slice(0, -1) : args;
  if (positional.length > schema.positional) {
    const hint = listHint(positional);
    return `Expected at most ${schema.positional} arguments for ${name}, got ${positional.length}${hint}`;
  }
  for (const [index, argument] of schema.parsed.entries()) {
    const value = index < positional.length ? positional[index] : options[spell(argument.name)];
    if (value === undefined && argument.hasDefault) continue;
    if (value === undefined)
      return `Expected ${name} argument "${argument.name}" (${plainType(argument.type)}), got nothing`;
    if (!acceptsArgument(argument, value)) {
      return `Expected ${article(plainType(argument.type))} for ${name} argument "${argument.name}", got ${describe(value)}`;
    }
  }
  return undefined;
}

function article(type: string): string {
  return `${/^[aeiou]/i.test(type) ? 'an' : 'a'} ${type}`;
}

/** Overload names by qualified op name, of the libtorch that is loaded; the empty one first. */
export function overloadNames(name: string): string[] | undefined {
  return loadBinding().binding.listOverloads(name);
}

/** Finds new ops, after a library registered them. */
export function refreshNames(): void {
  loadBinding().binding.refreshOverloads();
}

const packets = new Map<string, Packet>();

/** The packet of `aten::add`, made at its first use; undefined when this libtorch has no such op. */
export function packetOf(name: string): Packet | undefined {
  let packet = packets.get(name);
  if (packet !== undefined) return packet;
  const overloads = overloadNames(name);
  if (overloads === undefined) return undefined;
  packet = new Packet(name, overloads);
  packets.set(name, packet);
  return packet;
}
