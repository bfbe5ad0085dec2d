import type { ByteCursor } from '../byte-cursor.ts';
import { corrupt, overLimit } from '../errors.ts';
import { keyPath } from './key-path.ts';
import { PyTuple } from './values.ts';

// Any file gets these; larger ones get more in proportion, so that time and memory stay within a constant and the
// size of the file. A tensor takes about 6 objects and 40 steps.
const BASE_OBJECTS = 1 << 17;
const BASE_STEPS = 1 << 22;
const BYTES_PER_OBJECT = 64;
const BYTES_PER_STEP = 4;

/** What a machine needs from the file around the pickle. */
export interface Environment {
  /** Bytes of the whole file, which bounds what the pickle may make. */
  readonly fileSize: number;
  /** Resolves a persistent id (torch's reference to a storage). */
  persistentLoad(id: unknown, machine: Machine): unknown;
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
  #objects: number;
  #steps: number;

  constructor(cursor: ByteCursor, environment: Environment) {
    this.cursor = cursor;
    this.environment = environment;
    this.#objects = BASE_OBJECTS + Math.floor(environment.fileSize / BYTES_PER_OBJECT);
    this.#steps = BASE_STEPS + Math.floor(environment.fileSize / BYTES_PER_STEP);
  }

  /** Counts one opcode. */
  step(): void {
    if (this.#steps-- <= 0) throw overLimit(this.origin, 'more pickle instructions than a checkpoint has');
  }

  /** Counts objects that are about to be made. */
  allocate(count = 1): void {
    this.#objects -= count;
    if (this.#objects < 0) throw overLimit(this.origin, 'more objects than a checkpoint has', this.keyPath());
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  pushTuple(items: unknown[]): void {
    this.allocate();
    this.#stack.push(new PyTuple(items));
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

  /** Whether the value to come is the file's whole content. */
  atRoot(): boolean {
    return this.#stack.length === 0;
  }

  /** Whether the value to come lies right after this one. */
  follows(value: unknown): boolean {
    return this.#stack.at(-1) === value;
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

  keyPath(): string {
    return keyPath(this.#stack, this.#marks);
  }

  fail(detail: string): Error {
    return corrupt(
      this.origin,
      `invalid pickle near byte ${this.cursor.position}: ${detail}`,
      this.keyPath(),
    );
  }

  get origin() {
    return this.cursor.source.origin;
  }

  #need(count: number): void {
    const floor = this.#marks.at(-1) ?? 0;
    if (this.#stack.length - floor < count) throw this.fail('the stack is too short');
  }
}
