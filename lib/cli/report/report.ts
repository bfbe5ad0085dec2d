import type { Command } from 'commander';
import { writeAtomically } from '../../atomic-file.ts';

/** Options of {@link report}, as commander gives them. */
export interface ReportOptions {
  output: string;
  title?: string;
}

/** Adds the command `report` to the program. */
export function registerReport(program: Command): void {
  program
    .command('report')
    .description('Show runs of ibn-net train beside each other, as one page of HTML')
    .argument('<run...>', 'folders of runs')
    .option('--output <file>', 'the page', 'report.html')
    .option('--title <text>', 'its title; default: the names of the runs')
    .addHelpText('after', EXAMPLES)
    .action(async (runs: string[], options: ReportOptions) => {
      await report(runs, options);
    });
}

const EXAMPLES = `
The page has curves, best epochs, options that differ, machines, and the time spent in data and in computing. It is one
file that needs no network. A run that is under way can be shown too.

Examples:
  npx ibn-net report runs/ibn-a
  npx ibn-net report runs/plain runs/ibn-a runs/ibn-b --output compared.html`;

/** Writes the page, and says where. */
export async function report(
  folders: readonly string[],
  options: ReportOptions,
  stdout: { write(text: string): unknown } = process.stdout,
): Promise<void> {
  const [{ readRun }, { reportPage }] = await Promise.all([
    import('../../train/report/run-folder.ts'),
    import('../../train/report/report-page.ts'),
  ]);
  const runs = [];
  for (const folder of folders) runs.push(await readRun(folder));
  const title = options.title ?? runs.map(({ name }) => name).join(', ');
  const page = await reportPage(runs, title);
  writeAtomically(options.output, (sink) => sink(Buffer.from(page)));
  stdout.write(`${options.output}\n`);
}
