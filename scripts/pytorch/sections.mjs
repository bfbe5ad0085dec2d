// The sections of docs/pytorch.md: a space of names of PyTorch, the same here, and why a name is not here.
// A new section needs its names in names.py.

/** Modules that only wait for sizes. */
const LAZY = 'sizes are given when it is made';

/** `here` is the place in this package, where its name is not that of `space`; '' is the root. */
/** @type {{ space: string, here?: string, title: string, text: string, camelCase: boolean, absent: [RegExp, string][] }[]} */
export const SECTIONS = [
  {
    space: 'torch',
    here: '',
    title: 'Functions: `torch`',
    text: 'Names are PyTorch’s in camelCase, exported from the root. Every op, with `out` too, is also in `ops.aten`.',
    camelCase: true,
    absent: [
      [/^align_tensors$/, 'no named tensors'],
      [/_copy$|_scatter$|^(fake_quantize|sparse_|quantize|dequantize)/, '`ops.aten`'],
      [/^(lu|chain_matmul|symeig|eig)$/, 'deprecated in PyTorch: `linalg`'],
      [/^as_tensor$/, '`tensor` or `fromBuffer`'],
      [/^(pca_lowrank|svd_lowrank)$/, '`linalg.svd`'],
      [/^wait$/, 'for futures of TorchScript; here there are promises'],
    ],
  },
  ...['linalg', 'fft', 'special'].map((space) => ({
    space,
    title: `Functions: \`torch.${space}\``,
    text: 'Names are PyTorch’s in camelCase.',
    camelCase: true,
    absent: [],
  })),
  {
    space: 'nn',
    title: 'Modules: `torch.nn`',
    text: 'Names, state keys, initial values and printed forms are PyTorch’s.',
    camelCase: false,
    absent: [
      [/^Lazy/, LAZY],
      [/^(DataParallel|SyncBatchNorm)$/, 'one device a process'],
      [/^(Container|NLLLoss2d)$/, 'deprecated in PyTorch'],
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
  {
    space: 'distributions',
    title: 'Distributions: `torch.distributions`',
    text: 'Those that training draws from. Draws are PyTorch’s under the same seed.',
    camelCase: true,
    absent: [
      [
        /^(?!Normal$|Bernoulli$|Categorical$|Beta$|Dirichlet$|Distribution$|kl_divergence$)/,
        'not needed yet',
      ],
    ],
  },
  {
    space: 'optim',
    title: 'Optimizers: `torch.optim`',
    text: 'State is in PyTorch’s layout, both ways.',
    camelCase: false,
    absent: [],
  },
  {
    space: 'optim.lr_scheduler',
    here: 'optim.lrScheduler',
    title: 'Schedules: `torch.optim.lr_scheduler`',
    text: '',
    camelCase: false,
    absent: [],
  },
  {
    space: 'optim.swa_utils',
    here: 'optim.swaUtils',
    title: 'Averages: `torch.optim.swa_utils`',
    text: '',
    camelCase: true,
    absent: [],
  },
  {
    space: 'utils.data',
    here: '',
    title: 'Data: `torch.utils.data`',
    text: 'Index sequences are PyTorch’s under the same seed: `docs/data.md`.',
    camelCase: true,
    absent: [
      [/^Dataset$/, 'anything with `length` and `get(index)`'],
      [/^Sampler$/, 'any iterable of numbers'],
      [/^(DistributedSampler|get_worker_info)$/, 'one device and no worker processes'],
    ],
  },
  {
    space: 'transforms',
    title: 'Transforms: `torchvision.transforms.v2` (0.28)',
    text: 'For tensors, and images with masks; the same seed draws the same: `docs/transforms.md`.',
    camelCase: false,
    absent: [
      [/BoundingBox|KeyPoints|IoUCrop|ClampingMode/, 'no boxes, no keypoints'],
      [/^(AutoAugmentPolicy|InterpolationMode)$/, 'a string'],
      [/^(ToImage|ToPILImage|PILToTensor|ToPureTensor)$/, 'images are tensors'],
      [/^ConvertImageDtype$/, '`ToDtype`, with `scale`'],
      [/Temporal/, 'no videos'],
      [/^Identity$/, '`nn.Identity`, or no step'],
      [/^LinearTransformation$/, 'a `Lambda`'],
      [/^JPEG$/, 'no encoder'],
    ],
  },
  {
    space: 'transforms.functional',
    title: 'Functions: `torchvision.transforms.v2.functional` (0.28)',
    text: 'Names are torchvision’s in camelCase.',
    camelCase: true,
    absent: [
      [/bounding_box/, 'no boxes'],
      [/^get_|^is_pure_tensor$/, '`image.shape`'],
      [/^convert_image_dtype$/, '`toDtype`, with `scale`'],
      [/^elastic_transform$/, '`elastic`'],
      [/^(to_grayscale|grayscale_to_rgb)$/, '`rgbToGrayscale`'],
      [/^(pil_to_tensor|to_tensor)$/, 'images are tensors'],
      [/temporal|frames/, 'no videos'],
      [/^jpeg$/, 'no encoder'],
      [/^register_kernel$/, 'write an `ImageTransform`'],
    ],
  },
];
