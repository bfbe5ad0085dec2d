// Damaged checkpoints by number, and what must hold when one is read. Case `index` of a seed is always the same.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assemble, disassemble, editPickle } from './pickle-edits.mjs';
import { edgeNumber, editBytes, editList, Random } from './random.mjs';
import { editSafetensors } from './safetensors-edits.mjs';
import { deflateEntries, editEntries, editHeaders, readEntries, writeEntries } from './zip-edits.mjs';

const LARGEST_SEED = 32 * 1024;
const LEGACY_PICKLES = 5;
// These are also taken with their entries deflated.
const DEFLATED = /^(parameters|geometry|kinds-torch)\.zip/;

/** Reads the files to start from: every fixture of checkpoints that is small. */
export function readSeeds(folder) {
  const names = readdirSync(folder).filter((name) => /\.(pth|safetensors)$/.test(name));
  const files = names.sort().map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
  const seeds = files.filter(({ bytes }) => bytes.length <= LARGEST_SEED).flatMap(parseSeed);
  if (seeds.length < 10) throw new Error(`Expected checkpoints in ${folder}, found ${seeds.length}`);
  return seeds;
}

function parseSeed({ name, bytes }) {
  if (name.endsWith('.safetensors')) return [{ name, bytes, kind: 'safetensors' }];
  if (bytes.readUInt32LE(0) === 0x04034b50) return parseZip(name, bytes);
  return bytes[0] === 0x80 && !name.startsWith('refused') ? parseLegacy(name, bytes) : [];
}

function parseZip(name, bytes) {
  const entries = readEntries(bytes);
  const at = entries.findIndex(([entry]) => entry.endsWith('/data.pkl'));
  if (at < 0 || name === 'refused-deflated.pth') return [];
  const seed = { name, bytes, kind: 'zip', entries, at, pickle: disassemble(entries[at][1]).instructions };
  return DEFLATED.test(name) ? [seed, { ...seed, kind: 'deflated' }] : [seed];
}

function parseLegacy(name, bytes) {
  const pickles = [];
  let at = 0;
  while (pickles.length < LEGACY_PICKLES) {
    const { instructions, end } = disassemble(bytes, at);
    pickles.push(instructions);
    at = end;
  }
  return [{ name, bytes, kind: 'legacy', pickles, tail: bytes.subarray(at) }];
}

/** The cases of one seed number. `ZipWriter` is the package's own. */
export class Cases {
  #seed;
  #files;
  #pool;
  #ZipWriter;

  constructor(seed, files, ZipWriter) {
    this.#seed = seed;
    this.#files = files;
    this.#ZipWriter = ZipWriter;
    this.#pool = files.flatMap(
      ({ pickle, pickles }) => pickle?.slice(0, 400) ?? pickles?.[3].slice(0, 400) ?? [],
    );
  }

  /** The bytes of one case, and which file it came from. */
  at(index) {
    const random = new Random(this.#seed, index);
    const file = random.pick(this.#files);
    return { name: file.name, kind: file.kind, bytes: this.#edit(file, random) };
  }

  #edit(file, random) {
    if (file.kind === 'safetensors') return editSafetensors(file.bytes, random);
    if (file.kind === 'deflated') return this.#editDeflated(file, random);
    if (random.chance(0.15)) return editBytes(file.bytes, random);
    return file.kind === 'zip' ? this.#editZip(file, random) : this.#editLegacy(file, random);
  }

  #editZip({ bytes, entries, at, pickle }, random) {
    const kind = random.unit();
    if (kind < 0.25) return editHeaders(bytes, random);
    let edited = [...entries];
    if (kind < 0.85) edited[at] = [entries[at][0], assemble(editPickle(pickle, random, this.#pool))];
    if (kind > 0.75) edited = editEntries(edited, random);
    const written = writeEntries(edited, this.#ZipWriter);
    return random.chance(0.05) ? editHeaders(written, random) : written;
  }

  /** Storages that are all zeros and large once unpacked, sizes that lie, edits as of any archive. */
  #editDeflated({ entries, at, pickle }, random) {
    const edited = [...entries];
    if (random.chance(0.6)) edited[at] = [entries[at][0], assemble(editPickle(pickle, random, this.#pool))];
    if (random.chance(0.3)) {
      const grown = random.below(edited.length);
      edited[grown] = [edited[grown][0], Buffer.alloc(10 ** (3 + random.below(5)))];
    }
    const written = deflateEntries(random.chance(0.2) ? editEntries(edited, random) : edited);
    return random.chance(0.4) ? editHeaders(written, random) : written;
  }

  #editLegacy({ pickles, tail }, random) {
    const edited = [...pickles];
    const at = random.chance(0.75) ? 3 : random.below(LEGACY_PICKLES);
    if (random.chance(0.8)) edited[at] = editPickle(pickles[at], random, this.#pool);
    if (random.chance(0.03)) edited.splice(0, LEGACY_PICKLES, ...editList(pickles, random, pickles));
    const end = random.chance(0.3) ? editTail(tail, random) : tail;
    return Buffer.concat([...edited.map(assemble), end]);
  }
}

/** Storages: a length of 8 bytes, then data. */
function editTail(tail, random) {
  if (tail.length < 8 || random.chance(0.4)) return editBytes(tail, random);
  const edited = Buffer.from(tail);
  const near = edited.readBigUInt64LE(0);
  edited.writeBigUInt64LE(
    BigInt.asUintN(64, edgeNumber(random, near)),
    random.chance(0.7) ? 0 : random.below(tail.length - 7),
  );
  return edited;
}
