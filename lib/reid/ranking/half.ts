const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

const MIN_NORMAL = 2 ** -14;
const MIN_SUBNORMAL = 2 ** -24;

/** A number rounded to float16, to the nearest, ties to even; by way of float32, as numpy computes. Not for values beyond 65,504. */
export function roundHalf(value: number): number {
  float[0] = value;
  const single = float[0] as number;
  if (Math.abs(single) < MIN_NORMAL) return roundEven(single / MIN_SUBNORMAL) * MIN_SUBNORMAL;
  // 13 of float32's 23 bits go; a carry into the exponent is right.
  const word = bits[0] as number;
  bits[0] = (word + 0xfff + ((word >>> 13) & 1)) & ~0x1fff;
  return float[0] as number;
}

/** The nearest whole number, of two the even one: Python's `round` and `numpy.around`. */
export function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
