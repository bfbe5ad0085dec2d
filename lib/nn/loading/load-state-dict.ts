import { checkFlags, checkOptions, checkText } from '../../options.ts';
import { scope } from '../../tensor/index.ts';
import type { Module } from '../module/module.ts';
import { carryOut } from './carry-out.ts';
import { type LoadInput, readInput, type StateDictLike } from './load-input.ts';
import { type LoadPlan, makePlan, refuse } from './load-plan.ts';
import { splitNorms } from './split-norms.ts';

export type { StateDictLike } from './load-input.ts';

/** How a state dict is loaded. */
export interface LoadOptions {
  /** Refuse missing and unexpected keys. Default true. */
  strict?: boolean;
  /**
   * Take the memory of the state dict's tensors instead of copying it; dtypes and devices become theirs. Parameters
   * stay the same objects, so optimizers keep working, except those on meta. `true` takes all, so that places whose
   * tensors share memory in the state dict share it from then on. `'compatible'` takes what has the dtype, device and
   * strides of its place and memory that no other tensor has, and copies the rest: as copying, without the copy.
   * Default false.
   */
  assign?: boolean | 'compatible';
  /** Drop this from the front of every key that has it, such as `'module.'`; `'auto'` finds it. */
  stripPrefix?: string;
  /**
   * Leave alone what has another shape than in the state dict, such as the head of a network with other classes:
   * everywhere, or for keys that begin with one of these, such as `['fc.']`. Default false.
   */
  ignoreMismatched?: boolean | readonly string[];
  /** Divide the norms of a plain network among `IN` and `BN` where the module has both. Default false. */
  splitNorms?: boolean;
}

/** What became of the keys. */
export interface LoadResult {
  loaded: string[];
  /** Keys of the module that the state dict lacks. */
  missingKeys: string[];
  /** Keys of the state dict that the module does not know. */
  unexpectedKeys: string[];
  /** Keys left alone because of `ignoreMismatched`. Absent where there are none. */
  mismatchedKeys?: string[];
  /** Running statistics that old files have and the module does not keep; a warning told of them. */
  droppedKeys?: string[];
  /** The prefix that was dropped. Absent where none was. */
  strippedPrefix?: string;
}

const OPTIONS = ['strict', 'assign', 'stripPrefix', 'ignoreMismatched', 'splitNorms'];

/** Loads a state dict into `module`; see `Module.loadStateDict`. */
export function loadStateDict(module: Module, state: StateDictLike, options: LoadOptions): LoadResult {
  checkOptions('loadStateDict', options, OPTIONS);
  checkFlags('loadStateDict', { strict: options.strict });
  if (options.stripPrefix !== undefined)
    checkText('loadStateDict stripPrefix', 'a prefix or "auto"', options.stripPrefix);
  const input = readInput(module, state, options.stripPrefix ?? '');
  // The parts of split norms are views, which go when they were copied or taken.
  return scope(() => {
    const entries = options.splitNorms ? splitNorms(module, input.entries) : input.entries;
    const plan = makePlan(module, { ...input, entries }, options);
    const strict = options.strict ?? true;
    const watched = module.modules().some((part) => part.stateHooks?.hasPostLoad);
    refuse(module, input, plan, strict && !watched);
    carryOut(module, plan, options.assign ?? false);
    if (watched) {
      runPostHooks(module, plan);
      refuse(module, input, plan, strict);
    }
    warnOfDropped(module, plan);
    return resultOf(plan, input);
  });
}

/** Those of children before those of their parents, as torch. */
function runPostHooks(module: Module, plan: LoadPlan): void {
  for (const child of module.children()) runPostHooks(child, plan);
  module.stateHooks?.afterLoad(module, plan);
}

function resultOf(plan: LoadPlan, { prefix }: LoadInput): LoadResult {
  const { loaded, missingKeys, unexpectedKeys, ignoredKeys, droppedKeys } = plan;
  return {
    loaded,
    missingKeys,
    unexpectedKeys,
    ...(ignoredKeys.length > 0 ? { mismatchedKeys: ignoredKeys } : {}),
    ...(droppedKeys.length > 0 ? { droppedKeys } : {}),
    ...(prefix === '' ? {} : { strippedPrefix: prefix }),
  };
}

function warnOfDropped(module: Module, { droppedKeys }: LoadPlan): void {
  if (droppedKeys.length === 0) return;
  const others = droppedKeys.length > 1 ? ` (+${droppedKeys.length - 1})` : '';
  process.emitWarning(
    `loadStateDict for ${module.constructor.name}: dropped "${droppedKeys[0]}"${others}, running statistics of a ` +
      'file from before PyTorch 0.4 that instance normalisation no longer keeps',
    { code: 'IBN_STALE_STATISTICS' },
  );
}
