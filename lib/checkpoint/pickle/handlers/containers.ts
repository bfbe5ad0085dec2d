import { PyDict, PyObject, PySet } from '../../values.ts';
import { asCount, describe, Mismatch } from '../checks.ts';
import type { Machine } from '../machine.ts';
import { OPCODES as OP } from '../opcodes.ts';

/** Opcodes that make and fill containers, and those that move values about. */
export const CONTAINER_HANDLERS: readonly (readonly [number, (machine: Machine) => void])[] = [
  [OP.MARK, (m) => m.mark()],
  [OP.POP, (m) => (m.atMark() ? m.popMark() : m.pop())],
  [OP.POP_MARK, (m) => m.popMark()],
  [OP.DUP, (m) => m.push(m.top())],
  [OP.EMPTY_TUPLE, (m) => m.pushTuple([])],
  [OP.TUPLE1, (m) => m.pushTuple(m.popMany(1))],
  [OP.TUPLE2, (m) => m.pushTuple(m.popMany(2))],
  [OP.TUPLE3, (m) => m.pushTuple(m.popMany(3))],
  [OP.TUPLE, (m) => m.pushTuple(m.popMark())],
  [OP.EMPTY_LIST, (m) => make(m, [])],
  [OP.LIST, (m) => make(m, m.popMark())],
  [OP.APPEND, (m) => append(m, m.popMany(1))],
  [OP.APPENDS, (m) => append(m, m.popMark())],
  [OP.EMPTY_DICT, (m) => make(m, new PyDict('dict'))],
  [OP.DICT, (m) => makeDict(m, m.popMark())],
  [OP.SETITEM, (m) => setItems(m, m.popMany(2))],
  [OP.SETITEMS, (m) => setItems(m, m.popMark())],
  [OP.EMPTY_SET, (m) => make(m, new PySet([]))],
  [OP.ADDITEMS, (m) => addItems(m, m.popMark())],
  [OP.FROZENSET, (m) => make(m, new PySet(m.popMark()))],
  [OP.PUT, (m) => store(m, Number(m.cursor.line()))],
  [OP.BINPUT, (m) => store(m, m.cursor.u8())],
  [OP.LONG_BINPUT, (m) => store(m, m.cursor.u32())],
  [OP.MEMOIZE, (m) => store(m, m.memo.size)],
  [OP.GET, (m) => m.push(m.recall(Number(m.cursor.line())))],
  [OP.BINGET, (m) => m.push(m.recall(m.cursor.u8()))],
  [OP.LONG_BINGET, (m) => m.push(m.recall(m.cursor.u32()))],
];

function make(machine: Machine, container: unknown): void {
  machine.allocate();
  machine.push(container);
}

function store(machine: Machine, index: number): void {
  machine.memo.set(asCount(index, 'a memo index'), machine.top());
}

function append(machine: Machine, items: readonly unknown[]): void {
  machine.change((target) => {
    const list = target instanceof PyObject ? itemsOf(target) : target;
    if (!Array.isArray(list)) throw new Mismatch(`expected a list to append to, got ${describe(list)}`);
    for (const item of items) list.push(item);
  });
}

function itemsOf(object: PyObject): unknown[] {
  object.items ??= [];
  return object.items;
}

function makeDict(machine: Machine, items: readonly unknown[]): void {
  make(machine, new PyDict('dict'));
  setItems(machine, items);
}

function setItems(machine: Machine, items: readonly unknown[]): void {
  if (items.length % 2 !== 0) throw new Mismatch('a key without a value');
  machine.change((target) => {
    const dict = target instanceof PyObject ? entriesOf(target) : target;
    if (!(dict instanceof PyDict)) throw new Mismatch(`expected a dict to fill, got ${describe(dict)}`);
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  });
}

function entriesOf(object: PyObject): PyDict {
  object.entries ??= new PyDict('OrderedDict');
  return object.entries;
}

function addItems(machine: Machine, items: readonly unknown[]): void {
  machine.change((set) => {
    if (!(set instanceof PySet)) throw new Mismatch(`expected a set to fill, got ${describe(set)}`);
    for (const item of items) set.items.push(item);
  });
}
