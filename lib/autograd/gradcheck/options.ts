import { checkFlags, checkNumbers, checkOptions } from '../../options.ts';

export interface GradcheckOptions {
  /** Step of the finite differences. Default 1e-6. */
  eps?: number;
  /** Default 1e-5. */
  atol?: number;
  /** Default 1e-3. */
  rtol?: number;
  /** Throw where a derivative is wrong, instead of giving false. Default true. */
  raiseException?: boolean;
  /** How much two backward passes over the same graph may differ. Default 0. */
  nondetTol?: number;
  /** Whether backward must take outputs without a gradient for zeros. Default true. */
  checkUndefinedGrad?: boolean;
  /** Whether gradients must have their inputs' dtypes. Default false. */
  checkGradDtypes?: boolean;
  /** Whether backward must take a batch of gradients at once, by vmap. Default false. */
  checkBatchedGrad?: boolean;
  /** The same for tangents of forward mode. Default: `checkForwardAd` and `checkBatchedGrad`. */
  checkBatchedForwardGrad?: boolean;
  /** Whether forward mode must agree with finite differences too. Default false. */
  checkForwardAd?: boolean;
  /** False leaves backward out. Default true. */
  checkBackwardAd?: boolean;
  /** Compare products with random vectors rather than whole Jacobians. Default false. */
  fastMode?: boolean;
}

export interface GradgradcheckOptions
  extends Omit<GradcheckOptions, 'checkForwardAd' | 'checkBackwardAd' | 'checkBatchedForwardGrad'> {
  /** Make the random gradients of outputs non-contiguous. Default false. */
  genNonContigGradOutputs?: boolean;
  /** Differentiate the gradients by forward mode too. Default false. */
  checkFwdOverRev?: boolean;
  /** False leaves backward of the gradients out. Default true. */
  checkRevOverRev?: boolean;
}

const TOLERANCES = ['eps', 'atol', 'rtol', 'nondetTol'];
const BOTH = ['raiseException', 'checkUndefinedGrad', 'checkGradDtypes', 'checkBatchedGrad', 'fastMode'];
const OF_GRADCHECK = ['checkBatchedForwardGrad', 'checkForwardAd', 'checkBackwardAd'];
const OF_GRADGRADCHECK = ['genNonContigGradOutputs', 'checkFwdOverRev', 'checkRevOverRev'];

/** All options, with torch's defaults. */
export type Settings = Required<GradcheckOptions>;

function checkAll(name: string, options: object, own: readonly string[]): void {
  checkOptions(name, options, [...TOLERANCES, ...BOTH, ...own]);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const isNumber = ([key]: [string, unknown]): boolean => TOLERANCES.includes(key);
  checkNumbers(name, Object.fromEntries(given.filter(isNumber)));
  checkFlags(name, Object.fromEntries(given.filter((entry) => !isNumber(entry))));
  const { eps = 1e-6, nondetTol = 0 } = options as GradcheckOptions;
  if (!(eps > 0)) throw new RangeError(`Expected a step above 0 for ${name} eps, got ${eps}`);
  if (nondetTol < 0)
    throw new RangeError(`Expected a number of at least 0 for ${name} nondetTol, got ${nondetTol}`);
}

/** @throws TypeError or RangeError naming the option, and for combinations that check nothing. */
export function gradcheckSettings(options: GradcheckOptions): Settings {
  checkAll('gradcheck', options, OF_GRADCHECK);
  return withDefaults('gradcheck', options);
}

/** Options of the check of the gradients, and of their making. */
export function gradgradcheckSettings(options: GradgradcheckOptions): [Settings, { nonContiguous: boolean }] {
  checkAll('gradgradcheck', options, OF_GRADGRADCHECK);
  const {
    genNonContigGradOutputs = false,
    checkFwdOverRev = false,
    checkRevOverRev = true,
    ...rest
  } = options;
  const settings = withDefaults('gradgradcheck', {
    ...rest,
    checkForwardAd: checkFwdOverRev,
    checkBackwardAd: checkRevOverRev,
    checkBatchedForwardGrad: false,
  });
  return [settings, { nonContiguous: genNonContigGradOutputs }];
}

function withDefaults(name: string, options: GradcheckOptions): Settings {
  const { checkForwardAd = false, checkBackwardAd = true, checkBatchedGrad = false } = options;
  const { checkBatchedForwardGrad = checkForwardAd && checkBatchedGrad } = options;
  if (!checkForwardAd && !checkBackwardAd) {
    throw new RangeError(`Expected forward or backward mode to be checked by ${name}, got neither`);
  }
  if (checkBatchedGrad && !checkBackwardAd) {
    throw new RangeError(`Expected backward mode beside checkBatchedGrad for ${name}, got it left out`);
  }
  if (checkBatchedForwardGrad && !checkForwardAd) {
    throw new RangeError(
      `Expected checkForwardAd beside checkBatchedForwardGrad for ${name}, got it left out`,
    );
  }
  return {
    eps: options.eps ?? 1e-6,
    atol: options.atol ?? 1e-5,
    rtol: options.rtol ?? 1e-3,
    raiseException: options.raiseException ?? true,
    nondetTol: options.nondetTol ?? 0,
    checkUndefinedGrad: options.checkUndefinedGrad ?? true,
    checkGradDtypes: options.checkGradDtypes ?? false,
    checkBatchedGrad,
    checkBatchedForwardGrad,
    checkForwardAd,
    checkBackwardAd,
    fastMode: options.fastMode ?? false,
  };
}
