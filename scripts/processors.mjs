// The processors that one machine can play: variables that each numeric library reads when it is loaded, and what each
// then says of itself. MKL takes other kernels on AMD than on Intel; its compatible mode gave the very bits that were
// recorded on AMD.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export const PROCESSORS = {
  baseline: {
    needs: ['sse4_1', 'sse4_2'],
    env: {
      ATEN_CPU_CAPABILITY: 'default',
      ONEDNN_MAX_CPU_ISA: 'SSE41',
      MKL_ENABLE_INSTRUCTIONS: 'SSE4_2',
      IBN_NET_CPU_CAPABILITY: 'default',
    },
    says: {
      aten: /^DEFAULT$/,
      onednn: /SSE4\.1/,
      mkl: /SSE4\.2|Intel\(R\) Architecture/,
      kernels: /^baseline$/,
    },
  },
  avx2: {
    needs: ['avx2', 'fma', 'bmi2'],
    env: {
      ATEN_CPU_CAPABILITY: 'avx2',
      ONEDNN_MAX_CPU_ISA: 'AVX2',
      MKL_ENABLE_INSTRUCTIONS: 'AVX2',
      IBN_NET_CPU_CAPABILITY: 'avx2',
    },
    says: { aten: /^AVX2$/, onednn: /AVX2/, mkl: /AVX2|Intel\(R\) Architecture/, kernels: /^avx2$/ },
  },
  avx512: {
    needs: ['avx2', 'fma', 'bmi2', 'avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'],
    env: {
      ATEN_CPU_CAPABILITY: 'avx512',
      ONEDNN_MAX_CPU_ISA: 'AVX512_CORE',
      MKL_CBWR: 'COMPATIBLE',
      IBN_NET_CPU_CAPABILITY: 'avx512',
    },
    says: { aten: /^AVX512$/, onednn: /AVX-512/, mkl: /CNR:COMPATIBLE/, kernels: /^avx512$/ },
  },
};

const PROBE = `
const { compile, nn, randn, runtimeInfo } = await import(process.argv[1]);
const model = new nn.Sequential(new nn.Conv2d(32, 32, 3), new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(32, 8));
model.eval().forward(randn([2, 32, 56, 56]));
const compiled = await compile(model, { inputs: [[1, 32, 56, 56]] });
console.log('kernels,' + compiled.stats().instructionSet);
console.log('aten,' + runtimeInfo().cpuCapability);
`;

/** The instructions that /proc/cpuinfo or a text like it names. */
export function flagsOf(cpuinfo = readFileSync('/proc/cpuinfo', 'utf8')) {
  return new Set((/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '').trim().split(/\s+/));
}

/** What a processor of the table needs and this one lacks. */
export function lacks(name, flags = flagsOf()) {
  return PROCESSORS[name].needs.filter((flag) => !flags.has(flag));
}

/** What each library says of itself; a line of its own log for oneDNN and MKL. */
export function heard(log) {
  const line = (pattern) => pattern.exec(log)?.[1] ?? '';
  return {
    aten: line(/^aten,(.*)$/m),
    onednn: line(/^onednn_verbose,.*cpu,isa:(.*)$/m),
    mkl: [...log.matchAll(/^MKL_VERBOSE (.*)$/gm)].map(([, text]) => text).join('\n'),
    kernels: line(/^kernels,(.*)$/m),
  };
}

/** The libraries that do not do as the variables say: then a run would test this processor again. */
export function deaf(name, said) {
  const { says } = PROCESSORS[name];
  return Object.keys(says).filter((library) => !says[library].test(said[library]));
}

/** Runs a small network as a processor of the table and listens. */
export function listen(name, dist) {
  const env = { ...process.env, ...PROCESSORS[name].env, ONEDNN_VERBOSE: '1', MKL_VERBOSE: '1' };
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', PROBE, dist], {
    encoding: 'utf8',
    env,
  });
  if (child.status !== 0) throw new Error(child.stderr || String(child.error ?? child.signal));
  return heard(child.stdout);
}
