import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import type { PinnedFile } from '../../lib/libtorch/install/versions.ts';

/** File names and contents. */
export type Files = Record<string, string | Buffer>;

/** The smallest ELF header that names a processor (62 is x86-64, 183 is AArch64). */
export function elf(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.writeUInt32BE(0x7f454c46, 0);
  header.writeUInt16LE(machine, 18);
  return header;
}

/** Writes a zip with these files; `modes` sets Unix file modes. */
export function makeZip(files: Files, modes: Record<string, number> = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const data = Buffer.from(content);
    const packed = deflateRawSync(data);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(8, 4);
    shared.writeUInt32LE(crc32(data), 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(data.length, 18);
    shared.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), shared, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(((modes[name] ?? 0o100644) << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), shared, tail, Buffer.from(name));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, end]);
}

function metadata(name: string, version: string, requires: string[]): string {
  const lines = requires.map((line) => `Requires-Dist: ${line}\n`).join('');
  return `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${lines}\nRequires-Dist: not-a-header\n`;
}

function distInfo(name: string, version: string, requires: string[], files: Files): Files {
  const info = `${name}-${version}.dist-info`;
  const names = [...Object.keys(files), `${info}/METADATA`, `${info}/WHEEL`, `${info}/RECORD`];
  return {
    [`${info}/METADATA`]: metadata(name, version, requires),
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: py3-none-any\n',
    [`${info}/RECORD`]: names.map((file) => `${file},,\n`).join(''),
  };
}

/** A wheel with a fake torch. */
export interface FakeTorch {
  /** As in version.py, for example `2.13.0+cpu`. */
  version: string;
  /** As in the file name, when it differs. */
  release?: string;
  requires?: string[];
  /** Further files. */
  files?: Files;
}

/** The contents of a torch package. */
export function torchFiles(version: string, top = 'torch'): Files {
  const flavour = version.split('+')[1] ?? 'cpu';
  const cuda = /^cu(\d\d)(\d)$/.exec(flavour);
  const quoted = cuda ? `'${cuda[1]}.${cuda[2]}'` : 'None';
  return {
    [`${top}/version.py`]: `__version__ = '${version}'\ncuda: Optional[str] = ${quoted}\n`,
    [`${top}/lib/libc10.so`]: elf(62),
    [`${top}/lib/libtorch.so`]: 'libtorch',
    [`${top}/lib/libtorch_cpu.so`]: Buffer.alloc(1_500_000, 'libtorch_cpu'),
    [`${top}/lib/libgomp.so.1`]: 'gomp',
    [`${top}/include/ATen/ATen.h`]: '#pragma once\n',
    [`${top}/include/torch/csrc/api/include/torch/torch.h`]: '#pragma once\n',
    [`${top}/share/cmake/Torch/TorchConfig.cmake`]: '# torch\n',
  };
}

/** A torch wheel, with the parts that are not installed too. */
export function torchWheel({ version, release = version, requires = [], files = {} }: FakeTorch): Buffer {
  const all = {
    ...torchFiles(version),
    'torch/__init__.py': 'raise ImportError("not a real torch")\n',
    'torch/lib/libtorch_python.so': 'python',
    'torch/lib/libtorchbind_test.so': 'test',
    'torch/lib/libshm/libshm.so': 'shm',
    ...files,
  };
  return makeZip({ ...all, ...distInfo('torch', release, requires, all) });
}

/** A wheel of another project. */
export function wheel(name: string, version: string, files: Files, requires: string[] = []): Buffer {
  return makeZip({ ...files, ...distInfo(name, version, requires, files) });
}

/** The table's entry for a file. */
export function pin(name: string, content: Buffer, path?: string): PinnedFile {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { name, sha256, size: content.length, ...(path !== undefined && { path }) };
}

/** Writes files below a folder. */
export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}
