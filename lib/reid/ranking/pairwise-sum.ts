const BLOCK = 128;

/** A sum in float32 in the order of numpy's: eight sums side by side, halves of long arrays apart. */
export function pairwiseSum(values: Float32Array): number {
  const { length } = values;
  if (length < 8) return addTo(0, values);
  if (length <= BLOCK) return sumOfBlock(values);
  const half = Math.floor(length / 2);
  const middle = half - (half % 8);
  return Math.fround(pairwiseSum(values.subarray(0, middle)) + pairwiseSum(values.subarray(middle)));
}

function addTo(start: number, values: Float32Array): number {
  let sum = start;
  for (const value of values) sum = Math.fround(sum + value);
  return sum;
}

function sumOfBlock(values: Float32Array): number {
  const sums = values.slice(0, 8);
  const whole = values.length - (values.length % 8);
  for (let at = 8; at < whole; at++) (sums[at % 8] as number) += values[at] as number;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = sums;
  const { fround } = Math;
  const left = fround(fround(a + b) + fround(c + d));
  const right = fround(fround(e + f) + fround(g + h));
  return addTo(fround(left + right), values.subarray(whole));
}
