// Which processor a record is of. Cloud machines call several kinds by one name ("AMD EPYC"), so family and model are
// told too, and the instruction sets that kernels here or in peers choose by.
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

const INSTRUCTIONS = [
  'avx2',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'avx512_fp16',
  'avx_vnni',
  'amx_bf16',
  'amx_int8',
];

const VENDORS = { AuthenticAMD: 'amd', GenuineIntel: 'intel' };

/** The first processor's lines of /proc/cpuinfo; none where there is no such file. */
function cpuinfo() {
  try {
    const [first] = readFileSync('/proc/cpuinfo', 'utf8').split('\n\n');
    return Object.fromEntries(first.split('\n').map((line) => line.split(':').map((part) => part.trim())));
  } catch {
    return {};
  }
}

const info = cpuinfo();
const flags = new Set((info.flags ?? '').split(' '));

export const processor = {
  cpu: cpus()[0]?.model.trim(),
  family: Number(info['cpu family']),
  model: Number(info.model),
  instructions: INSTRUCTIONS.filter((name) => flags.has(name)),
};

const widest = [
  ['amx', 'amx_bf16'],
  ['avx512', 'avx512f'],
  ['avx2', 'avx2'],
].find(([, flag]) => flags.has(flag))?.[0];

/** The folder of bench/results for records of this processor: vendor, family, model, widest instructions. */
export const processorName = [VENDORS[info.vendor_id] ?? process.arch, info['cpu family'], info.model, widest]
  .filter((part) => part !== undefined)
  .join('-');
