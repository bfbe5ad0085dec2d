// The sections of docs/pytorch.md: a space of names of PyTorch, the same here, and why a name is not here.
// A new section needs its names in names.py.

/** Modules that only wait for sizes. */
const LAZY = 'sizes are given when it is made';

/** @type {{ space: string, title: string, text: string, camelCase: boolean, absent: [RegExp, string][] }[]} */
export const SECTIONS = [
  {
    space: 'nn',
    title: 'Modules: `torch.nn`',
    text: 'Names, state keys, initial values and printed forms are PyTorch’s.',
    camelCase: false,
    absent: [
      [/^Lazy/, LAZY],
      [/^(DataParallel|SyncBatchNorm)$/, 'one device a process'],
      [/^(Container|NLLLoss2d)$/, 'deprecated in PyTorch'],
      [/^CrossMapLRN2d$/, 'LocalResponseNorm; PyTorch’s sum here keeps channels that have left the window'],
      [/^(RNNBase|RNNCellBase)$/, 'a base class; use RNN, LSTM, GRU and their cells'],
    ],
  },
  {
    space: 'nn.functional',
    title: 'Functions: `torch.nn.functional`',
    text: 'Names are PyTorch’s in camelCase: `max_pool2d` is `maxPool2d`.',
    camelCase: true,
    absent: [[/^(scaled_mm|scaled_grouped_mm|grouped_mm)$/, 'matrix products for GPUs: `ops.aten`']],
  },
];
