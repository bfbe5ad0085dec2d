#!/usr/bin/env node
import { Command } from 'commander';
import { messageOf } from '../errors.ts';
import { packageVersion } from '../libtorch/find/package-root.ts';
import { registerAdapt } from './adapt/adapt.ts';
import { registerClassify } from './classify/classify.ts';
import { registerConvert } from './convert/convert.ts';
import { registerDemo } from './demo.ts';
import { registerDivergence } from './divergence/divergence.ts';
import { registerEvaluate } from './evaluate/evaluate.ts';
import { registerExport } from './export/export.ts';
import { registerFinetune } from './finetune/finetune.ts';
import { registerInspect } from './inspect/inspect.ts';
import { registerLaunch } from './launch/launch.ts';
import { registerBuild } from './machine/build.ts';
import { registerDoctor } from './machine/doctor.ts';
import { registerInfo } from './machine/info.ts';
import { registerInstallLibtorch } from './machine/install-libtorch.ts';
import { registerReid } from './reid/reid.ts';
import { registerReport } from './report/report.ts';
import { registerReproduce } from './reproduce/reproduce.ts';
import { registerSegment } from './segment/segment.ts';
import { registerServe } from './serve/serve.ts';
import { registerTrain } from './train/train.ts';
import { registerVariants } from './variants/variants.ts';

const program = new Command('ibn-net')
  .description('Run, train and deploy IBN-Net in Node')
  .version(packageVersion())
  .showHelpAfterError('(add --help for the options)')
  // Else `install-libtorch --version 2.13.0` would print the package's version.
  .enablePositionalOptions();

const COMMANDS = [
  registerClassify,
  registerTrain,
  registerLaunch,
  registerEvaluate,
  registerReport,
  registerReid,
  registerSegment,
  registerDivergence,
  registerVariants,
  registerAdapt,
  registerReproduce,
  registerFinetune,
  registerServe,
  registerInspect,
  registerConvert,
  registerExport,
  registerDemo,
  registerInfo,
  registerDoctor,
  registerInstallLibtorch,
  registerBuild,
];
for (const register of COMMANDS) register(program);

try {
  await program.parseAsync();
} catch (error) {
  reportFailure(error);
}

/** Prints one clean message; with `DEBUG` set the stack and the causes too. */
function reportFailure(error: unknown): void {
  process.exitCode = 1;
  if (process.env.DEBUG) console.error(error);
  else console.error(messageOf(error));
}
