import { Argument, type Command } from 'commander';
import { also, wholeNumber } from '../flag-values.ts';
import { stopWhenClosed } from '../network/network-options.ts';
import { addSweepOptions } from '../variants/variants.ts';
import type { ReproduceOptions } from './run-reproduce.ts';

/** Adds the command `reproduce` to the program. */
export function registerReproduce(program: Command): void {
  const command = program
    .command('reproduce')
    .description(
      'A table or figure of the paper: what it says, what comes out here, and what that says of its claims',
    )
    .addArgument(new Argument('<what>', 'which').choices(['table1', 'table3', 'table4', 'table5', 'fig5']));
  addSweepOptions(command)
    .option('--pretrained', 'table1: evaluate the published weights of IBN-a and -b on --data, train nothing')
    .option(
      '--checkpoint <variant=file>',
      'table1: weights of none, a or b to evaluate. May be repeated',
      also,
    )
    .option(
      '--eval-batch <n>',
      'table1: images of published weights evaluated together (default: 32)',
      wholeNumber,
    )
    .addHelpText('after', EXAMPLES)
    .action(async (what: string, options: ReproduceOptions) => {
      process.stdout.on('error', stopWhenClosed);
      const { reproduce } = await import('./run-reproduce.ts');
      process.exitCode = await reproduce(what, options);
    });
}

const EXAMPLES = `
Networks that are not there yet are trained as by \`ibn-net variants\`, into the same kind of folder; several tables may share one. A
claim holds, or is contradicted, where Student's t of its differences over seeds is beyond the one-sided 5 % bound. Figures are held
against the published ones only for published weights, or --checkpoint: they must be within 0.3 points.

Examples:
  npx ibn-net reproduce table3 --quick --output runs/variants
  npx ibn-net reproduce table1 --data imagenet --pretrained --checkpoint none=resnet50.pth --output runs/table1
  npx ibn-net reproduce table4 --data imagenet --device cuda --jobs 1 --seeds 1 --output runs/imagenet`;
