import { checkOptions, checkPositions } from '../options.ts';
import { ops, type Tensor } from '../tensor/index.ts';

/** Options of `stft`. */
export interface StftOptions {
  /** Samples between frames. Default: a quarter of `nFft`. */
  hopLength?: number;
  /** Size of the window. Default: `nFft`. */
  winLength?: number;
  /** Default: ones. */
  window?: Tensor | null;
  /** Pads the signal so that frame t is centred at t * hopLength. Default true. */
  center?: boolean;
  /** How it is padded. Default 'reflect'. */
  padMode?: string;
  /** Divides by the square root of the frame's length. Default false. */
  normalized?: boolean;
  /** The half of the frequencies that says all of a real signal. Default: where the signal and window are real. */
  onesided?: boolean;
  /** A complex result; real signals need the choice to be made. */
  returnComplex?: boolean;
}

const OPTIONS = [
  'hopLength',
  'winLength',
  'window',
  'center',
  'padMode',
  'normalized',
  'onesided',
  'returnComplex',
];

/**
 * Short-time Fourier transform of signals (..., time): (..., frequencies, frames).
 *
 * @param nFft Size of the transform.
 * @example
 * stft(randn([16000]), 400, { window: hannWindow(400), returnComplex: true }).shape; // [201, 161]
 */
export function stft(x: Tensor, nFft: number, options: StftOptions = {}): Tensor {
  checkPositions('stft', arguments, 3);
  checkOptions('stft', options, OPTIONS);
  const { hopLength = null, winLength = null, window = null, center = true, padMode = 'reflect' } = options;
  const { normalized = false, onesided = null, returnComplex = null } = options;
  const { center: call } = ops.aten.stft;
  return call(x, nFft, hopLength, winLength, window, center, padMode, normalized, onesided, returnComplex);
}
