import { appendFileSync, mkdirSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { checkPositions, checkText } from '../../options.ts';
import { maskedCrc32c } from './crc32c.ts';

const PREFIX = 'events.out.tfevents.';

/**
 * A file of scalars for TensorBoard: TFRecords of `Event` messages (tensorflow/core/util/event.proto), as
 * `torch.utils.tensorboard.SummaryWriter` writes them. No npm package writes them without TensorFlow.
 */
export class EventFile {
  readonly path: string;

  /**
   * @param from where a run goes on: TensorBoard forgets what earlier files of the folder have of this step and later ones
   */
  constructor(folder: string, from?: number) {
    checkPositions('EventFile', arguments, 2);
    checkText('EventFile', 'a folder', folder);
    mkdirSync(folder, { recursive: true });
    this.path = join(folder, `${PREFIX}${secondsFor(folder)}.${hostname()}.${process.pid}.0`);
    this.#append(0, text(3, 'brain.Event:2'));
    if (from !== undefined) this.#append(from, message(7, [varint(1, 1)]));
  }

  /** Appends numbers by tag, such as `loss/train`. */
  add(step: number, scalars: Readonly<Record<string, number>>): void {
    const values = Object.entries(scalars).map(([tag, value]) => message(1, [text(1, tag), float(2, value)]));
    if (values.length > 0) this.#append(step, message(5, values));
  }

  #append(step: number, what: Uint8Array): void {
    const event = Buffer.concat([
      double(1, Date.now() / 1000),
      ...(step === 0 ? [] : [varint(2, step)]),
      what,
    ]);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(event.length));
    appendFileSync(this.path, Buffer.concat([length, crc(length), event, crc(event)]));
  }
}

/**
 * The time that a new file's name begins with: TensorBoard reads a folder's files in the order of their names, so it is later
 * than what is there, from a process of this very second.
 */
function secondsFor(folder: string): number {
  const there = readdirSync(folder).filter((name) => name.startsWith(PREFIX));
  const times = there.map((name) => Number.parseInt(name.slice(PREFIX.length), 10)).filter(Number.isFinite);
  return Math.max(Math.floor(Date.now() / 1000), ...times.map((time) => time + 1));
}

function crc(bytes: Uint8Array): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(maskedCrc32c(bytes));
  return sum;
}

// Fields of Protocol Buffers: a key of number and wire type, then the value.
const key = (field: number, type: number) => Buffer.from([(field << 3) | type]);

function digits(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

const varint = (field: number, value: number) => Buffer.concat([key(field, 0), digits(value)]);
const bytes = (field: number, value: Uint8Array) =>
  Buffer.concat([key(field, 2), digits(value.length), value]);
const text = (field: number, value: string) => bytes(field, Buffer.from(value));
const message = (field: number, parts: readonly Uint8Array[]) => bytes(field, Buffer.concat(parts));

function double(field: number, value: number): Buffer {
  const eight = Buffer.alloc(8);
  eight.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), eight]);
}

function float(field: number, value: number): Buffer {
  const four = Buffer.alloc(4);
  four.writeFloatLE(value);
  return Buffer.concat([key(field, 5), four]);
}
