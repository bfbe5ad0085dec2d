import { OPCODES as OP } from '../../lib/checkpoint/pickle/opcodes.ts';
import { ZipWriter } from '../../lib/checkpoint/zip/writer.ts';

/** Pieces of pickles, to build hostile ones by hand. */
export type Piece = number | Uint8Array | readonly Piece[];

/** The bytes of pieces, in order. */
export function assemble(...pieces: readonly Piece[]): Buffer {
  return Buffer.concat(pieces.map(bytesOf));
}

function bytesOf(piece: Piece): Uint8Array {
  if (typeof piece === 'number') return Uint8Array.of(piece);
  return piece instanceof Uint8Array ? piece : assemble(...piece);
}

/** Python's `struct.pack('<I', value)`. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Python's `struct.pack('<Q', value)`. */
export function u64(value: bigint | number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return bytes;
}

export const text = (value: string): Piece => [
  OP.BINUNICODE,
  u32(Buffer.byteLength(value)),
  Buffer.from(value),
];
export const global = (module: string, name: string): Piece => [
  OP.GLOBAL,
  Buffer.from(`${module}\n${name}\n`),
];
export const int = (value: number): Piece => [OP.BININT, u32(value >>> 0)];
export const long = (value: bigint): Piece => [OP.LONG1, 8, u64(value)];
export const tuple = (...items: readonly Piece[]): Piece => [OP.MARK, items, OP.TUPLE];
export const list = (...items: readonly Piece[]): Piece => [OP.EMPTY_LIST, OP.MARK, items, OP.APPENDS];
export const dict = (...items: readonly Piece[]): Piece => [OP.EMPTY_DICT, OP.MARK, items, OP.SETITEMS];
export const call = (callee: Piece, ...args: readonly Piece[]): Piece => [callee, tuple(...args), OP.REDUCE];
export const pickle = (...pieces: readonly Piece[]): Buffer => assemble(OP.PROTO, 2, pieces, OP.STOP);

/** A storage's persistent id. */
export function storage(
  numel: Piece,
  { key = '0', type = 'FloatStorage', location = 'cpu', view }: StorageOptions = {},
): Piece {
  const fields = [text('storage'), global('torch', type), text(key), text(location), numel];
  return [tuple(...fields, ...(view ? [view] : [])), OP.BINPERSID];
}

interface StorageOptions {
  key?: string;
  type?: string;
  location?: string;
  view?: Piece;
}

/** `_rebuild_tensor_v2` of a storage. */
export function tensor(
  stored: Piece,
  offset: Piece,
  size: Piece,
  stride: Piece,
  grad: Piece = OP.NEWFALSE,
): Piece {
  const hooks = call(global('collections', 'OrderedDict'));
  return call(global('torch._utils', '_rebuild_tensor_v2'), stored, offset, size, stride, grad, hooks);
}

/** A zip archive with stored entries. */
export function zip(entries: Readonly<Record<string, Uint8Array>>): Buffer {
  const parts: Uint8Array[] = [];
  const writer = new ZipWriter((bytes) => parts.push(bytes));
  for (const [name, bytes] of Object.entries(entries)) writer.add(name, bytes);
  writer.finish();
  return Buffer.concat(parts);
}

/** A checkpoint in the zip format around one pickled object and the bytes of storage "0". */
export function zipCheckpoint(object: Piece, stored: Uint8Array = Buffer.alloc(16)): Buffer {
  return zip({
    'archive/data.pkl': pickle(object),
    'archive/data/0': stored,
    'archive/version': Buffer.from('3\n'),
  });
}

const MAGIC = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');

/** A checkpoint in the legacy format around one pickled object and storages as (key, numel, bytes). */
export function legacyCheckpoint(
  object: Piece,
  storages: readonly (readonly [string, number | bigint, Uint8Array])[] = [],
): Buffer {
  const keys = list(...storages.map(([key]) => text(key)));
  const tail = storages.map(([, numel, bytes]) => [u64(numel), bytes]);
  return assemble(MAGIC, pickle(int(1001)), pickle(dict()), pickle(object), pickle(keys), tail);
}
