// Reads the packed native files: each must be stripped and must load wherever libtorch itself does.
//   node scripts/package/check-files.mjs [FOLDER]
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareVersions, readElf } from './elf.mjs';

// What libtorch 2.13's own libraries need: glibc of Debian 10, RHEL 8 and Ubuntu 20.04, libstdc++ of gcc 8.
export const NEWEST = { GLIBC: '2.28', GLIBCXX: '3.4.22', CXXABI: '1.3.11', GCC: '3.4' };

// libtorch's and the CUDA runtime's are in the process already; the others every system with Node has.
const KNOWN =
  /^(lib(torch|torch_cpu|torch_cuda|c10|c10_cuda|cudart|cudnn|nvrtc)\.so(\.\d+)?|lib(c|m|dl|pthread|rt)\.so\.\d|libstdc\+\+\.so\.6|libgcc_s\.so\.1|ld-linux[\w-]*\.so\.\d)$/;

/** A row for each library of a folder, with what is wrong with it. */
export function checkFiles(folder) {
  const names = readdirSync(folder).filter((name) => /\.(node|so)$/.test(name));
  return names.sort().map((name) => {
    const path = join(folder, name);
    const elf = readElf(path);
    return { name, bytes: statSync(path).size, versions: elf.versions, wrong: complaints(elf) };
  });
}

function complaints({ versions, needed, stripped }) {
  const newer = Object.entries(versions)
    .filter(([family, version]) => compareVersions(version, NEWEST[family] ?? '0') > 0)
    .map(([family, version]) => `needs ${family}_${version}, expected ${NEWEST[family] ?? 'none'} at most`);
  const unknown = needed.filter((name) => !KNOWN.test(name)).map((name) => `needs ${name}`);
  return [...newer, ...unknown, ...(stripped ? [] : ['is not stripped'])];
}

/** One line for a file. */
export function describeFile({ name, bytes, versions, wrong }) {
  const needs = ['GLIBC', 'GLIBCXX', 'CXXABI'].filter((family) => family in versions);
  const list = needs.map((family) => `${family}_${versions[family]}`).join(' ');
  return `${name.padEnd(28)}${(bytes / 1e6).toFixed(2).padStart(8)} MB  ${list}${wrong.map((one) => `\n  ${one}`).join('')}`;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  const rows = checkFiles(process.argv[2] ?? join(root, 'prebuilds', `${process.platform}-${process.arch}`));
  console.log(rows.map(describeFile).join('\n'));
  process.exit(rows.some(({ wrong }) => wrong.length > 0) ? 1 : 0);
}
