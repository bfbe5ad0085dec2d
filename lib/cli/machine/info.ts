import { type Command, Option } from 'commander';
import { collectHere, collectInfo, type Info } from './collect-info.ts';

/** Adds the command `info` to the program. */
export function registerInfo(program: Command): void {
  program
    .command('info')
    .description('Print versions, paths, CPU capability, threads and CUDA devices')
    .option('--json', 'as one JSON object')
    .addOption(new Option('--here', 'load libtorch in this process').hideHelp())
    .action(async ({ json, here }: { json?: boolean; here?: boolean }) => {
      const info = here ? await collectHere() : await collectInfo();
      console.log(json ? JSON.stringify(info, null, 2) : formatInfo(info));
      if (info.error === null) return;
      process.exitCode = 1;
      if (!json) console.error(`\n${info.error}`);
    });
}

/** The lines that `info` prints. */
export function formatInfo(info: Info): string {
  const { libtorch, cuda } = info;
  const rows: [string, string | null][] = [
    ['ibn-net', info.version],
    ['Node', `${info.node} (${info.platform}-${info.arch})`],
    ['libtorch', libtorch && `${libtorch.version}+${libtorch.flavour} (from ${libtorch.source})`],
    ['', libtorch?.root ?? null],
    ['native module', info.binding],
    ['CPU capability', info.cpuCapability],
    ['threads', info.numThreads === null ? null : `${info.numThreads} (${info.numInteropThreads} interop)`],
    ['CUDA', cuda.available ? `${cuda.deviceCount} device(s)` : `not available: ${cuda.reason}`],
    ...info.gpus.map((gpu): [string, string] => ['GPU', gpu]),
  ];
  return rows
    .filter(([label, value]) => label !== '' || value !== null)
    .map(([label, value]) => `${label.padEnd(16)}${value ?? 'not loaded'}`)
    .join('\n');
}
