type Pair = [number, number];

/** A convolution and its input's size. */
export interface ConvCase {
  channels: Pair;
  size: Pair;
  kernel: Pair;
  stride?: Pair;
  padding?: Pair;
  dilation?: Pair;
  groups?: number;
}

export const nameOf = ({ channels, size, kernel, stride, padding, dilation, groups }: ConvCase) =>
  `${channels.join(' to ')} channels, ${size.join('x')}, kernel ${kernel.join('x')}` +
  `${stride ? ` stride ${stride}` : ''}${padding ? ` padding ${padding}` : ''}` +
  `${dilation ? ` dilation ${dilation}` : ''}${groups ? ` groups ${groups}` : ''}`;

export function outSize(given: ConvCase, dim: 0 | 1): number {
  const { size, kernel, stride = [1, 1], padding = [0, 0], dilation = [1, 1] } = given;
  return Math.floor((size[dim] + 2 * padding[dim] - dilation[dim] * (kernel[dim] - 1) - 1) / stride[dim]) + 1;
}
