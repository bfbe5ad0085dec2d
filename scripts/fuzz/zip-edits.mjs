// Zip archives: entries are edited and written again with right checksums, then fields of the headers are changed.
import { deflateRawSync } from 'node:zlib';
import { edgeNumber } from './random.mjs';

const END = 0x06054b50;
const CENTRAL = 0x02014b50;

/** Fields as [place, bytes] in each kind of header; checksums are left out, as a wrong one only ends the read. */
const FIELDS = {
  end: [
    [4, 2],
    [6, 2],
    [8, 2],
    [10, 2],
    [12, 4],
    [16, 4],
    [20, 2],
  ],
  central: [
    [0, 4],
    [8, 2],
    [10, 2],
    [20, 4],
    [24, 4],
    [28, 2],
    [30, 2],
    [32, 2],
    [34, 2],
    [42, 4],
  ],
  local: [
    [0, 4],
    [6, 2],
    [8, 2],
    [18, 4],
    [22, 4],
    [26, 2],
    [28, 2],
  ],
};

/** The entries of an archive whose entries are stored as they are, as [name, bytes]. */
export function readEntries(bytes) {
  return centralHeaders(bytes).map((at) => {
    const nameLength = bytes.readUInt16LE(at + 28);
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const size = bytes.readUInt32LE(at + 20);
    return [bytes.toString('utf8', at + 46, at + 46 + nameLength), bytes.subarray(start, start + size)];
  });
}

/** An archive with these entries, two of one name included. */
export function writeEntries(entries, ZipWriter) {
  const parts = [];
  const writer = new ZipWriter((part) => parts.push(part));
  for (const [name, bytes] of entries) writer.add(name, bytes);
  writer.finish();
  return Buffer.concat(parts);
}

/** An archive whose entries are deflated, as another program than PyTorch writes it. */
export function deflateEntries(entries) {
  const [parts, central] = [[], []];
  let offset = 0;
  for (const [name, bytes] of entries) {
    const [data, title] = [deflateRawSync(bytes, { level: 1 }), Buffer.from(name)];
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(bytes.length, 18);
    fields.writeUInt16LE(title.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    central.push(Buffer.from('PK\x01\x02\x14\x00'), fields, place, title);
    parts.push(Buffer.from('PK\x03\x04'), fields, title, data);
    offset += 30 + title.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}

/** Storages of other sizes, entries that are gone, renamed or doubled, another byte order. */
export function editEntries(entries, random) {
  const edited = [...entries];
  const at = random.below(edited.length);
  const [name, bytes] = edited[at];
  const kind = random.unit();
  if (kind < 0.35) edited[at] = [name, resized(bytes, random)];
  else if (kind < 0.5) edited.splice(at, 1);
  else if (kind < 0.65) edited[at] = [random.chance(0.5) ? random.pick(edited)[0] : `${name}x`, bytes];
  else if (kind < 0.8) edited.splice(random.below(edited.length), 0, [name, bytes]);
  else
    edited.push([
      `${name.split('/')[0]}/byteorder`,
      Buffer.from(random.pick(['big', 'little', 'BIG', 'middle'])),
    ]);
  return edited;
}

function resized(bytes, random) {
  const size = Math.max(0, bytes.length + random.below(33) - 16);
  return Buffer.concat([bytes, Buffer.alloc(16)]).subarray(0, size);
}

/** Other values in a few fields of the headers and the end record, zip64 records among them. */
export function editHeaders(bytes, random) {
  let edited = Buffer.from(bytes);
  if (random.chance(0.2)) edited = withZip64(edited, random);
  for (let edits = 1 + random.below(3); edits > 0; edits--) editField(edited, random);
  return edited;
}

function editField(bytes, random) {
  const kind = random.pick(['end', 'central', 'central', 'local', 'local']);
  const header = headerAt(bytes, kind, random);
  const [place, width] = random.pick(FIELDS[kind]);
  const at = header + place;
  if (header < 0 || at + width > bytes.length) return;
  const value = BigInt.asUintN(width * 8, edgeNumber(random, BigInt(bytes.readUIntLE(at, width))));
  bytes.writeUIntLE(Number(value), at, width);
}

function headerAt(bytes, kind, random) {
  if (kind === 'end') return endRecord(bytes);
  const headers = centralHeaders(bytes);
  if (headers.length === 0) return -1;
  const central = random.pick(headers);
  return kind === 'central' ? central : bytes.readUInt32LE(central + 42);
}

function endRecord(bytes) {
  return bytes.lastIndexOf(Buffer.of(0x50, 0x4b, 5, 6));
}

function centralHeaders(bytes) {
  const end = endRecord(bytes);
  if (end < 0 || end + 20 > bytes.length || bytes.readUInt32LE(end) !== END) return [];
  const headers = [];
  let at = bytes.readUInt32LE(end + 16);
  while (at + 46 <= end && bytes.readUInt32LE(at) === CENTRAL) {
    headers.push(at);
    at += 46 + bytes.readUInt16LE(at + 28) + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return headers;
}

/** Puts a zip64 end record and its locator before the end record, with true numbers or edge ones. */
function withZip64(bytes, random) {
  const end = endRecord(bytes);
  if (end < 0) return bytes;
  const number = (value) =>
    BigInt.asUintN(64, random.chance(0.8) ? BigInt(value) : edgeNumber(random, BigInt(value)));
  const record = Buffer.alloc(76);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(number(bytes.readUInt16LE(end + 10)), 32);
  record.writeBigUInt64LE(number(bytes.readUInt32LE(end + 12)), 40);
  record.writeBigUInt64LE(number(bytes.readUInt32LE(end + 16)), 48);
  record.writeUInt32LE(0x07064b50, 56);
  record.writeBigUInt64LE(number(end), 64);
  record.writeUInt32LE(1, 72);
  return Buffer.concat([bytes.subarray(0, end), record, bytes.subarray(end)]);
}
