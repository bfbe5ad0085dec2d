import { blockedGlobal, unsupported } from '../errors.ts';
import { asItems, asString, describe, Mismatch } from './checks.ts';
import { findGlobal, PyGlobal } from './globals.ts';
import type { Machine } from './machine.ts';
import { setNumpyState } from './numpy.ts';
import { OPCODES as OP } from './opcodes.ts';
import { adviceFor, adviceForRoot } from './refusals.ts';
import { PyDict, PyNumpyDType, PySet, PyTuple } from './values.ts';

/** Opcodes that name globals, call them, and refer to what lies outside the pickle. */
export const OBJECT_HANDLERS: readonly (readonly [number, (machine: Machine) => void])[] = [
  [OP.GLOBAL, (m) => pushGlobal(m, m.cursor.line(), m.cursor.line())],
  [OP.STACK_GLOBAL, (m) => stackGlobal(m)],
  [OP.INST, (m) => pushGlobal(m, m.cursor.line(), m.cursor.line())],
  [OP.REDUCE, (m) => call(m, m.pop())],
  [OP.NEWOBJ, (m) => call(m, m.pop())],
  [OP.NEWOBJ_EX, (m) => callWithKeywords(m)],
  [OP.BUILD, (m) => build(m, m.pop())],
  [OP.BINPERSID, (m) => persistentLoad(m, m.pop())],
];

function stackGlobal(machine: Machine): void {
  const name = asString(machine.pop(), 'a global name');
  pushGlobal(machine, asString(machine.pop(), 'a module name'), name);
}

function pushGlobal(machine: Machine, module: string, name: string): void {
  const global = findGlobal(module, name);
  if (!global) throw refuse(machine, `${module}.${name}`);
  machine.push(global.meaning.kind === 'value' ? global.meaning.value : global);
}

function refuse(machine: Machine, global: string): Error {
  const known = adviceFor(global);
  const key = machine.keyPath();
  if (known) return unsupported(machine.origin, `holds a Python object of ${global}`, known, key);
  const isRoot = machine.atRoot() || machine.follows('module');
  return blockedGlobal(machine.origin, global, key, isRoot ? adviceForRoot(global) : undefined);
}

function call(machine: Machine, args: unknown): void {
  const callee = machine.pop();
  if (!(callee instanceof PyGlobal) || callee.meaning.kind !== 'call') {
    throw new Mismatch(`${describe(callee)} cannot be called`);
  }
  const items = asItems(args, callee.name);
  machine.allocate(1 + weight(items));
  machine.push(callee.meaning.construct(items, (message) => machine.environment.warn(message)));
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
  const keywords = machine.pop();
  const isEmpty = keywords instanceof PyDict && keywords.entries.size === 0;
  if (!isEmpty) throw new Mismatch('keyword arguments to a constructor');
  call(machine, machine.pop());
}

function build(machine: Machine, state: unknown): void {
  const target = machine.top();
  const takesAttributes = target instanceof PyDict && target.kind !== 'dict' && state instanceof PyDict;
  if (takesAttributes) target.attributes = state;
  else if (target instanceof PyNumpyDType) setNumpyState(target, state);
  else throw new Mismatch(`${describe(target)} takes no state`);
}

function persistentLoad(machine: Machine, id: unknown): void {
  machine.allocate();
  machine.push(machine.environment.persistentLoad(id, machine));
}
