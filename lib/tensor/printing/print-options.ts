import { describe } from '../../ops/describe.ts';
import { checkOptions } from '../../options.ts';

/** How tensors are printed. */
export interface PrintOptions {
  /** Digits after the point. Default 4. */
  precision: number;
  /** Tensors of more elements are summarised. Default 1000. */
  threshold: number;
  /** Elements shown at each end of a summarised dimension. Default 3. */
  edgeitems: number;
  /** Characters per line. Default 80. */
  linewidth: number;
  /** Scientific notation: always, never, or null (default) where the values need it. */
  sciMode: boolean | null;
}

const PROFILES = {
  default: { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80 },
  short: { precision: 2, threshold: 1000, edgeitems: 2, linewidth: 80 },
  full: { precision: 4, threshold: Number.POSITIVE_INFINITY, edgeitems: 3, linewidth: 80 },
};

let current: PrintOptions = { ...PROFILES.default, sciMode: null };

/** The options in force. */
export function getPrintoptions(): PrintOptions {
  return { ...current };
}

// toFixed and toExponential give at most 100 digits, and a tie needs 25 more than are printed to be told.
const LIMITS: Record<string, number> = { precision: 75 };

function checkCount(name: string, value: unknown): void {
  if (typeof value !== 'number')
    throw new TypeError(`Expected a number for setPrintoptions option "${name}", got ${describe(value)}`);
  const most = LIMITS[name] ?? Number.POSITIVE_INFINITY;
  if (value >= 0 && value <= most && (Number.isInteger(value) || value === most)) return;
  throw new RangeError(
    `Expected an integer from 0 to ${most} for setPrintoptions option "${name}", got ${value}`,
  );
}

/**
 * Sets how tensors are printed, as torch.set_printoptions: a `profile` first, then single options. As there,
 * `sciMode` goes back to automatic unless it is given.
 *
 * @throws TypeError or RangeError for an option that is unknown or out of range.
 * @example setPrintoptions({ precision: 2 }); setPrintoptions({ profile: 'default' });
 */
export function setPrintoptions(
  options: Partial<PrintOptions> & { profile?: 'default' | 'short' | 'full' } = {},
): void {
  const { profile, sciMode = null, ...counts } = options;
  if (profile !== undefined && !Object.hasOwn(PROFILES, profile)) {
    throw new RangeError(
      `Expected profile "default", "short" or "full" for setPrintoptions, got "${profile}"`,
    );
  }
  if (sciMode !== null && typeof sciMode !== 'boolean')
    throw new TypeError(
      `Expected a boolean or null for setPrintoptions option "sciMode", got ${describe(sciMode)}`,
    );
  checkOptions('setPrintoptions', counts, Object.keys(PROFILES.default));
  const given = Object.entries(counts).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    checkCount(name, value);
  }
  const base = profile === undefined ? current : PROFILES[profile];
  current = { ...base, ...Object.fromEntries(given), sciMode };
}
