// What an ELF library asks of the system, read without tools: the libraries it needs, the newest version of each
// family of symbols (GLIBC_2.28), and whether it is stripped.
//   import { readElf } from './elf.mjs'
import { readFileSync } from 'node:fs';

const SECTION = { symbolTable: 2, dynamic: 6, versionNeeds: 0x6ffffffe };
const NEEDED = 1;

/**
 * @param {string} path
 * @returns {{ needed: string[], versions: Record<string, string>, symbols: string[], stripped: boolean }}
 */
export function readElf(path) {
  const file = readFileSync(path);
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) {
    throw new TypeError(`Expected a 64-bit little-endian ELF file, got ${path}`);
  }
  const sections = readSections(file);
  const linked = (section) => sections[section.link];
  const needs = sections.filter(({ type }) => type === SECTION.versionNeeds);
  const symbols = needs.flatMap((section) => readVersionNeeds(file, section, linked(section)));
  const dynamic = sections.filter(({ type }) => type === SECTION.dynamic);
  return {
    needed: dynamic.flatMap((section) => readNeeded(file, section, linked(section))),
    versions: newest(symbols),
    symbols,
    stripped: !sections.some(({ type }) => type === SECTION.symbolTable),
  };
}

function readSections(file) {
  const start = Number(file.readBigUInt64LE(0x28));
  const [size, count] = [file.readUInt16LE(0x3a), file.readUInt16LE(0x3c)];
  return Array.from({ length: count }, (_, i) => {
    const at = start + i * size;
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
    };
  });
}

function textAt(file, strings, offset) {
  const start = strings.offset + offset;
  return file.toString('latin1', start, file.indexOf(0, start));
}

/** A list of libraries, each with a list of versions. */
function readVersionNeeds(file, section, strings) {
  const names = [];
  for (let at = section.offset, more = 1; more !== 0; at += more) {
    const count = file.readUInt16LE(at + 2);
    let aux = at + file.readUInt32LE(at + 8);
    for (let i = 0; i < count; i++, aux += file.readUInt32LE(aux + 12)) {
      names.push(textAt(file, strings, file.readUInt32LE(aux + 8)));
    }
    more = file.readUInt32LE(at + 12);
  }
  return names;
}

function readNeeded(file, section, strings) {
  const names = [];
  for (let at = section.offset; at < section.offset + section.size; at += 16) {
    if (file.readBigInt64LE(at) !== BigInt(NEEDED)) continue;
    names.push(textAt(file, strings, Number(file.readBigUInt64LE(at + 8))));
  }
  return names;
}

/** `{ GLIBC: '2.28', GLIBCXX: '3.4.22' }` of all versions. */
function newest(names) {
  const versions = {};
  for (const name of names) {
    const [, family, version] = /^(\w+?)_([\d.]+)$/.exec(name) ?? [];
    if (family === undefined) continue;
    if (compareVersions(version, versions[family] ?? '0') > 0) versions[family] = version;
  }
  return versions;
}

/** Orders `2.28` before `2.34` and `3.4.9` before `3.4.22`. */
export function compareVersions(a, b) {
  return a.localeCompare(b, 'en', { numeric: true });
}
