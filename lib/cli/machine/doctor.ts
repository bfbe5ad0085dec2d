import type { Command } from 'commander';

/** Adds the command `doctor` to the program. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Look for what keeps libtorch, the native module or CUDA from working, and say what to do')
    .option('--cuda', 'CUDA is wanted; its absence is a failure')
    .option('--json', 'as one JSON object')
    .action(async ({ cuda, json }: { cuda?: boolean; json?: boolean }) => {
      const { examine, formatChecks, hasFailed } = await import('./doctor-checks.ts');
      const checks = examine({ cuda });
      console.log(json ? JSON.stringify(checks, null, 2) : formatChecks(checks));
      if (hasFailed(checks)) process.exitCode = 1;
    });
}
