import { closeSync, openSync, readSync } from 'node:fs';

/** The system that libtorch is looked for or installed on; tests give others than the running one. */
export interface Platform {
  platform: string;
  arch: string;
}

/** The system this process runs on. */
export const thisPlatform: Platform = { platform: process.platform, arch: process.arch };

/** How names of shared libraries end: `.so`, `.dylib` or `.dll`. */
export function librarySuffix(platform: string): string {
  if (platform === 'win32') return '.dll';
  return platform === 'darwin' ? '.dylib' : '.so';
}

/** The file name of a shared library: `libc10.so`, `libc10.dylib` or `c10.dll`. */
export function libraryName(name: string, platform: string): string {
  return `${platform === 'win32' ? '' : 'lib'}${name}${librarySuffix(platform)}`;
}

const ELF_MACHINES: Readonly<Record<number, string>> = {
  3: 'ia32',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
};

/** The processor an ELF library was built for, in Node's spelling; `undefined` for other kinds of file. */
export function elfArchitecture(path: string): string | undefined {
  const header = Buffer.alloc(20);
  const file = openSync(path, 'r');
  try {
    if (readSync(file, header, 0, 20, 0) < 20 || header.readUInt32BE(0) !== 0x7f454c46) return undefined;
  } finally {
    closeSync(file);
  }
  return ELF_MACHINES[header.readUInt16LE(18)];
}

/** The file that Node loads. It opens libtorch, then the binding. */
export const SHIM = 'ibn_net.node';
