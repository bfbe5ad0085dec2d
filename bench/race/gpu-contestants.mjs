/** By their names on the command line; `reference` is what outputs are compared with. */
const torch = (title, more = {}) => ({ title, language: 'python', work: 'inference', ...more });
const node = (engine, title, more = {}) => ({ title, language: 'node', engine, ...more });
const float32 = { dtype: 'float32', layout: 'contiguous_format' };
const half = { dtype: 'float16', layout: 'channels_last' };

export const GPU_CONTESTANTS = {
  reference: torch('PyTorch float32 without TF32', { ...float32, tf32: false, untimed: true }),
  torch: torch('PyTorch eager float32', float32),
  'torch-half': torch('PyTorch eager float16 channels_last', half),
  inductor: torch('torch.compile max-autotune float16 channels_last', { ...half, mode: 'max-autotune' }),
  'inductor-frozen': torch('torch.compile max-autotune, frozen, float16 channels_last', {
    ...half,
    mode: 'max-autotune',
    frozen: true,
  }),
  eager: node('eager', 'ibn-net eager float32', float32),
  'eager-half': node('eager', 'ibn-net eager float16 channels_last', half),
  compiled: node('compiled', 'ibn-net compiled float16 channels_last', half),
  'torch-step': torch('PyTorch step', { ...half, work: 'training' }),
  'torch-step-fused': torch('PyTorch step, fused SGD', { ...half, work: 'training', fused: true }),
  step: node('training', 'ibn-net step', half),
};

/** The contestants named, on a network. */
export function contestants(names, network, key = (name) => name) {
  const unknown = names.find((name) => !(name in GPU_CONTESTANTS));
  if (unknown !== undefined) {
    console.error(`Unknown contestant "${unknown}"; there are: ${Object.keys(GPU_CONTESTANTS).join(', ')}`);
    process.exit(1);
  }
  return names.map((name) => ({ ...GPU_CONTESTANTS[name], network, key: key(name) }));
}
