import type { ByteCursor } from '../byte-cursor.ts';
import { corrupt, overLimit } from '../errors.ts';
import { PyFault, PyTuple } from '../values.ts';
import { Mismatch } from './checks.ts';
import { PyGlobal } from './py-global.ts';

// What Python writes makes an object in a byte at the least (an empty tuple), and copies into it what it wrote before
// it. A pickle whose calls copy more than its own bytes has them copy the same thing again and again. What is small
// costs nothing to copy.
const FREE_OBJECTS = 1 << 17;
const FREE_BYTES = 1 << 16;
// About 2 GB of objects here and in Python, and a hundred times what the largest networks have.
const MOST_OBJECTS = 1 << 24;
// After so many errors the rest of the pickle tells nothing any more.
const MOST_FAULTS = 1000;
// Each takes a byte of the pickle and up to eight on the stack; a pickle has at most 512 MiB.
const MOST_STEPS = 1 << 26;

// One for all, as in Python.
const EMPTY_TUPLE = new PyTuple([]);

/** What a machine needs from the file around the pickle. */
export interface Environment {
  /** What becomes of classes and functions that are not known: an inert description, or an error. */
  readonly unknown: 'describe' | 'refuse';
  /** Resolves a persistent id (torch's reference to a storage). */
  persistentLoad(id: unknown): unknown;
  /** Tells the user something that does not stop the load. */
  warn(message: string): void;
}

/** The state of a pickle machine: stack, marks, memo, and budgets for steps and objects. */
export class Machine {
  readonly cursor: ByteCursor;
  readonly environment: Environment;
  readonly memo = new Map<number, unknown>();
  readonly #stack: unknown[] = [];
  readonly #marks: number[] = [];
  readonly #start: number;
  readonly #unknown = new Map<string, PyGlobal>();
  #fault: PyFault | undefined;
  #faults = 0;
  #objects = 0;
  #copied = 0;
  #steps = 0;

  constructor(cursor: ByteCursor, environment: Environment) {
    this.cursor = cursor;
    this.environment = environment;
    this.#start = cursor.position;
  }

  /** Counts one opcode. */
  step(): void {
    if (this.#steps++ > MOST_STEPS)
      throw overLimit(this.origin, 'more pickle instructions than a checkpoint has');
  }

  /** Counts objects that are about to be made. */
  allocate(count = 1): void {
    this.#objects += count;
    if (this.#objects <= FREE_OBJECTS) return;
    const written = FREE_OBJECTS + this.cursor.position - this.#start;
    if (this.#objects <= Math.min(written, MOST_OBJECTS)) return;
    throw overLimit(this.origin, 'more objects than a checkpoint has');
  }

  /** Counts bytes that are about to be copied out of the pickle, where each lies once. */
  copy(nbytes: number): void {
    this.#copied += nbytes;
    if (this.#copied <= FREE_BYTES + this.cursor.position - this.#start) return;
    throw overLimit(this.origin, 'more copies of its bytes than a checkpoint has');
  }

  /** The first thing that was refused, if any. */
  get fault(): PyFault | undefined {
    return this.#fault;
  }

  /**
   * Puts off an error to the end of the pickle, which alone tells the key; returns what stands for the value until
   * then. The first error counts, as what comes after may follow from it.
   */
  putOff(raise: (key: string | undefined) => Error): PyFault {
    this.#fault ??= new PyFault(raise);
    if (this.#faults++ > MOST_FAULTS) throw this.#fault.raise(undefined);
    return this.#fault;
  }

  /** Pushes what `make` returns, or what stands for it if it cannot be made. */
  pushMade(make: () => unknown): void {
    this.#stack.push(this.#orFault(make));
  }

  /** Changes the value on top, or puts in its place what stands for it if that cannot be. */
  change(apply: (target: unknown) => void): void {
    const target = this.top();
    if (target instanceof PyFault) return;
    const fault = this.#orFault(() => apply(target));
    if (fault instanceof PyFault) this.#stack[this.#stack.length - 1] = fault;
  }

  #orFault(make: () => unknown): unknown {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      const detail = this.#invalid(error.message);
      return this.putOff((key) => corrupt(this.origin, detail, key));
    }
  }

  /** A global that is not known, the same object for the same name. */
  unknownGlobal(name: string): PyGlobal {
    const known = this.#unknown.get(name) ?? new PyGlobal(name, { kind: 'unknown' });
    this.#unknown.set(name, known);
    return known;
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  pushTuple(items: unknown[]): void {
    if (items.length > 0) this.allocate();
    this.#stack.push(items.length > 0 ? new PyTuple(items) : EMPTY_TUPLE);
  }

  pop(): unknown {
    this.#need(1);
    return this.#stack.pop();
  }

  /** The topmost value, left in place. */
  top(): unknown {
    this.#need(1);
    return this.#stack.at(-1);
  }

  /** The last `count` values, removed. */
  popMany(count: number): unknown[] {
    this.#need(count);
    return this.#stack.splice(this.#stack.length - count);
  }

  mark(): void {
    this.allocate();
    this.#marks.push(this.#stack.length);
  }

  /** Everything above the latest mark, removed together with the mark. */
  popMark(): unknown[] {
    const start = this.#marks.pop();
    if (start === undefined) throw this.fail('no mark on the stack');
    return this.#stack.splice(start);
  }

  /** Whether the topmost thing is a mark. */
  atMark(): boolean {
    return this.#marks.at(-1) === this.#stack.length;
  }

  /** The finished object: the only value left. */
  result(): unknown {
    if (this.#stack.length !== 1 || this.#marks.length > 0) throw this.fail('values left over at the end');
    return this.#stack[0];
  }

  recall(index: number): unknown {
    if (!this.memo.has(index)) throw this.fail(`memo ${index} was never stored`);
    return this.memo.get(index);
  }

  fail(detail: string): Error {
    return corrupt(this.origin, this.#invalid(detail));
  }

  #invalid(detail: string): string {
    return `invalid pickle near byte ${this.cursor.position}: ${detail}`;
  }

  get origin() {
    return this.cursor.source.origin;
  }

  #need(count: number): void {
    const floor = this.#marks.at(-1) ?? 0;
    if (this.#stack.length - floor < count) throw this.fail('the stack is too short');
  }
}
