/** Normal noise under a seed: images of 3 x 224 x 224, one after another. */
export function noise(images, seed = 1) {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
  return Float32Array.from(
    { length: images * 3 * 224 * 224 },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
