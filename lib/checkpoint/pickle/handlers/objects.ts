import { blockedGlobal } from '../../errors.ts';
import { PyArray, PyDict, PyFault, PyNumpyDType, PyObject, PySet, PyTuple, PyUnbuilt } from '../../values.ts';
import { asItems, asString, describe, Mismatch } from '../checks.ts';
import { findGlobal } from '../globals.ts';
import { isHarmful } from '../harm.ts';
import type { Machine } from '../machine.ts';
import { setNumpyState } from '../numpy.ts';
import { setArrayState } from '../numpy-array.ts';
import { OPCODES as OP } from '../opcodes.ts';
import { type Context, PyGlobal } from '../py-global.ts';
import { modernName } from '../python2-names.ts';
import { setTensorState } from '../rebuild-other.ts';

// `copyreg.__newobj__` calls what it is given, which may be itself.
const DEEPEST_CALL = 4;

/** Opcodes that name globals, call them, and refer to what lies outside the pickle. */
export const OBJECT_HANDLERS: readonly (readonly [number, (machine: Machine) => void])[] = [
  [OP.GLOBAL, (m) => m.push(globalNamed(m, m.cursor.line(), m.cursor.line()))],
  [OP.STACK_GLOBAL, (m) => stackGlobal(m)],
  [OP.INST, (m) => call(m, globalNamed(m, m.cursor.line(), m.cursor.line()), m.popMark())],
  [OP.OBJ, (m) => callFirst(m, m.popMark())],
  [OP.REDUCE, (m) => reduce(m, m.pop())],
  [OP.NEWOBJ, (m) => reduce(m, m.pop())],
  [OP.NEWOBJ_EX, (m) => callWithKeywords(m)],
  [OP.BUILD, (m) => build(m, m.pop())],
  [OP.BINPERSID, (m) => persistentLoad(m, m.pop())],
  [OP.EXT1, (m) => m.push(extension(m, m.cursor.u8()))],
  [OP.EXT2, (m) => m.push(extension(m, m.cursor.u16()))],
  [OP.EXT4, (m) => m.push(extension(m, m.cursor.u32()))],
];

function stackGlobal(machine: Machine): void {
  const [module, name] = machine.popMany(2);
  machine.pushMade(() =>
    globalNamed(machine, asString(module, 'a module name'), asString(name, 'a global name')),
  );
}

/** A class or function by its name: known, described, or what stands for a refused one. */
function globalNamed(machine: Machine, writtenModule: string, writtenName: string): unknown {
  const [module, name] = modernName(writtenModule, writtenName);
  const known = findGlobal(module, name);
  if (known) return known.meaning.kind === 'value' ? known.meaning.value : known;
  if (isHarmful(module, name)) return refused(machine, `${writtenModule}.${writtenName}`);
  return unknownGlobal(machine, `${module}.${name}`);
}

/** What stands in Python's registry of short numbers for classes, which is not in the file. */
function extension(machine: Machine, code: number): unknown {
  return unknownGlobal(machine, `copyreg.extension${code}`);
}

function unknownGlobal(machine: Machine, name: string): unknown {
  machine.allocate();
  if (machine.environment.unknown === 'describe') return machine.unknownGlobal(name);
  return refused(machine, name, "{ unknown: 'describe' } reads it as a description");
}

function refused(machine: Machine, name: string, advice?: string): PyFault {
  return machine.putOff((key) => blockedGlobal(machine.origin, name, key, advice));
}

function reduce(machine: Machine, args: unknown): void {
  const callee = machine.pop();
  call(machine, callee, args);
}

function callFirst(machine: Machine, [callee, ...args]: readonly unknown[]): void {
  call(machine, callee, args);
}

function call(machine: Machine, callee: unknown, args: unknown, keywords?: PyDict): void {
  if (callee instanceof PyFault) machine.push(callee);
  else machine.pushMade(() => made(machine, callee, args, keywords));
}

function made(machine: Machine, callee: unknown, args: unknown, keywords?: PyDict): unknown {
  if (callee instanceof PyFault) return callee;
  if (!(callee instanceof PyGlobal)) throw new Mismatch(`${describe(callee)} cannot be called`);
  const { name, meaning } = callee;
  const items = asItems(args, name);
  machine.allocate(1 + weight(items));
  if (meaning.kind === 'getattr') return member(machine, items);
  if (meaning.kind === 'unknown') return new PyObject(name, items, keywords);
  if (keywords) throw new Mismatch(`keyword arguments for ${name}`);
  if (meaning.kind === 'object') return knownObject(callee, items, meaning.value);
  if (meaning.kind !== 'call') throw new Mismatch(`${describe(callee)} cannot be called`);
  return meaning.construct(items, contextOf(machine));
}

function knownObject({ name }: PyGlobal, args: readonly unknown[], value: PyObject['value']): PyObject {
  const object = new PyObject(name, args);
  object.value = value;
  return object;
}

// One for a machine: a file of many tensors has as many calls.
const contexts = new WeakMap<Machine, CallContext>();

function contextOf(machine: Machine): CallContext {
  const known = contexts.get(machine);
  if (known !== undefined) return known;
  const context = new CallContext(machine);
  contexts.set(machine, context);
  return context;
}

class CallContext implements Context {
  readonly #machine: Machine;
  #depth = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  warn(message: string): void {
    this.#machine.environment.warn(message);
  }

  copy(nbytes: number): void {
    this.#machine.copy(nbytes);
  }

  make(callee: unknown, args: readonly unknown[], keywords?: PyDict): unknown {
    if (this.#depth === DEEPEST_CALL) throw new Mismatch(`${describe(callee)} cannot be called`);
    this.#depth++;
    try {
      return made(this.#machine, callee, args, keywords);
    } finally {
      this.#depth--;
    }
  }
}

/** `getattr(class, name)` is how Python 3.11 writes an enum's member; any other use is refused. */
function member(machine: Machine, [owner, name]: readonly unknown[]): unknown {
  const isClass = owner instanceof PyGlobal && owner.meaning.kind === 'unknown';
  const isMember = isClass && typeof name === 'string' && /^[A-Za-z]\w*$/.test(name);
  return isMember ? machine.unknownGlobal(`${owner.name}.${name}`) : refused(machine, 'builtins.getattr');
}

/** What a call may copy, so that many calls on one large argument run out of budget. */
function weight(args: readonly unknown[]): number {
  let total = args.length;
  for (const arg of args) {
    if (Array.isArray(arg)) total += arg.length;
    else if (arg instanceof PyTuple || arg instanceof PySet) total += arg.items.length;
    else if (arg instanceof PyDict) total += arg.entries.size;
    else if (typeof arg === 'string' || arg instanceof Uint8Array) total += arg.length >> 6;
  }
  return total;
}

function callWithKeywords(machine: Machine): void {
  const [callee, args, keywords] = machine.popMany(3);
  if (keywords instanceof PyDict) {
    call(machine, callee, args, keywords.entries.size > 0 ? keywords : undefined);
  } else machine.pushMade(() => refuseKeywords(keywords));
}

function refuseKeywords(keywords: unknown): never {
  throw new Mismatch(`expected a dict of keyword arguments, got ${describe(keywords)}`);
}

function build(machine: Machine, state: unknown): void {
  machine.change((target) => setState(machine, target, state));
}

function setState(machine: Machine, target: unknown, state: unknown): void {
  if (target instanceof PyObject && target.state === undefined) target.state = state;
  else if (target instanceof PyArray) setArrayState(target, state, contextOf(machine));
  else if (target instanceof PyUnbuilt) setTensorState(target, state);
  else if (target instanceof PyNumpyDType) setNumpyState(target, state);
  else if (target instanceof PyDict && target.kind !== 'dict' && state instanceof PyDict) {
    setAttributes(target, state);
  } else throw new Mismatch(`${describe(target)} takes no state`);
}

function setAttributes(target: PyDict, state: PyDict): void {
  if (target.kind !== 'namespace') target.attributes = state;
  else for (const [name, value] of state.entries) target.set(name, value);
}

function persistentLoad(machine: Machine, id: unknown): void {
  machine.allocate();
  machine.pushMade(() => machine.environment.persistentLoad(id));
}
