import type { Libtorch } from '../../libtorch/find/locate.ts';
import {
  findNativeModule,
  librariesOf,
  minorOf,
  minorsIn,
  nativeFolders,
  prebuiltFolder,
} from '../../libtorch/find/native-module.ts';
import { diedProblem, refusedProblem } from '../../libtorch/load/load-problems.ts';
import { readSystem } from '../../libtorch/load/system.ts';
import { tryLoading } from '../../libtorch/load/trial.ts';
import { problemError } from '../../problem.ts';

/**
 * Loads a libtorch that was just installed in a process of its own, so that a program finds out nothing that could have
 * been told here. Says so where no native module is at hand for it. `IBN_NET_SKIP_TRIAL=1` leaves this out.
 *
 * @throws LibtorchError with what was found, what is needed and the commands that help.
 */
export function tryInstalled(libtorch: Libtorch, log: (line: string) => void): void {
  if (process.env.IBN_NET_SKIP_TRIAL === '1') return;
  const native = findNativeModule(libtorch, nativeFolders());
  if ('missing' in native) {
    log(withoutModule(libtorch));
    return;
  }
  const { shim, binding } = native;
  const outcome = tryLoading({ shim, libraries: librariesOf(libtorch), binding });
  const facts = { libtorch, binding, system: readSystem() };
  if (outcome.kind === 'refused') throw problemError(refusedProblem(facts, outcome.reason));
  if (outcome.kind === 'died') throw problemError(diedProblem(facts, outcome));
  if (outcome.kind === 'loaded') log(`It loads in ${outcome.milliseconds} ms`);
}

function withoutModule({ version }: Libtorch): string {
  const prebuilt = minorsIn(prebuiltFolder()).join(', ') || 'none';
  const minor = minorOf(version);
  return `There is no prebuilt native module for libtorch ${minor} (prebuilt: ${prebuilt}); compile it: npx ibn-net build`;
}
