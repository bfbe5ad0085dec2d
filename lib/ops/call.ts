import { loadBinding, type NativeOp, type OpSchema } from '../binding.ts';
import { TorchError } from '../errors.ts';
import { INTEGERS, isVarargs, KEY_BITS, keyOf, kindOf, UNARY, UNCACHED } from './call-key.ts';
import { guarded } from './guards.ts';
import { handleOf, isNative, isTensorObject, type NativeObject, unwrap, wrapTensor } from './handle.ts';
import { match, type Spelling } from './match.ts';
import { noMatch } from './no-match.ts';
import { recorder, standIn } from './recorder.ts';
import { type ParsedSchema, parseSchema } from './schema.ts';
import { makeWrap, type Wrap } from './wrap-results.ts';

/** More sizes than this are passed as an array. */
const MOST_SIZES = 32;

/** A callable overload of an op. */
export interface Overload {
  schema: ParsedSchema;
  native: NativeOp;
  /** For ops of a tensor and sizes, such as view: the sizes as numbers, without an array. */
  onSizes: NativeOp | undefined;
  wrap: Wrap;
}

function toNative(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const handle = handleOf(value);
  if (handle !== undefined) return handle;
  if (Array.isArray(value)) return typeof value[0] === 'number' ? value : value.map(toNative);
  return value;
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
