// Fashion-MNIST in colour, and its test images under shifts of appearance that leave shapes as they are.
import { arange, datasets, Generator, rand, scope, tensor } from 'ibn-net';

const { FashionMNIST } = datasets;

/** Each takes float32 images (N, 3, 28, 28) of 0 to 255. */
export const SHIFTS = {
  clean: (images) => images,
  brightness: (images) => images.add(80),
  contrast: (images) => images.sub(128).mul(0.4).add(128),
  tint: (images) => images.mul(tensor([1, 0.6, 0.2]).view([1, 3, 1, 1])),
  inversion: (images) => images.neg().add(255),
  texture: (images) => images.mul(0.6).add(waves(images.shape[0])),
};

/** Stripes of a direction, width and phase of each image's own, of 0 to 102: (N, 1, 28, 28). */
function waves(count) {
  const generator = new Generator().manualSeed(0);
  const draw = (from, to) =>
    rand([count, 1, 1, 1], { generator })
      .mul(to - from)
      .add(from);
  const [angle, pixels, phase] = [draw(0, Math.PI), draw(3, 8), draw(0, 2 * Math.PI)];
  const rows = arange(28, { dtype: 'float32' }).view([1, 1, 28, 1]);
  const columns = arange(28, { dtype: 'float32' }).view([1, 1, 1, 28]);
  const along = rows.mul(angle.sin()).add(columns.mul(angle.cos()));
  return along
    .mul(2 * Math.PI)
    .div(pixels)
    .add(phase)
    .sin()
    .add(1)
    .mul(51);
}

/** Training images and labels, their last tenth to choose the epoch by, and the test images under every shift. */
export function fashionRun({ data, fashion: [trainCount, testCount] }) {
  const train = half(data, true, trainCount);
  const test = half(data, false, testCount);
  const count = train.labels.shape[0];
  const cut = count - Math.max(1, Math.floor(count / 10));
  const part = (from, to) => ({
    images: train.images.narrow(0, from, to - from),
    labels: train.labels.narrow(0, from, to - from),
  });
  const shifted = (shift) => scope(() => shift(test.images.to('float32')).clamp(0, 255).round().to('uint8'));
  const tests = Object.entries(SHIFTS).map(([name, shift]) => [
    name === 'clean' ? 'in-domain' : name,
    { images: shifted(shift), labels: test.labels },
  ]);
  return {
    train: part(0, cut),
    val: part(cut, count),
    tests: Object.fromEntries(tests),
    classes: FashionMNIST.classes,
    flips: true,
  };
}

/** uint8 (N, 3, 28, 28) and int64 (N), the first so many. */
function half(folder, train, most) {
  const set = new FashionMNIST(folder, { train });
  const count = Math.min(most, set.length);
  const images = set.data.narrow(0, 0, count).unsqueeze(1).expand([count, 3, 28, 28]);
  return { images, labels: set.targets.narrow(0, 0, count) };
}
