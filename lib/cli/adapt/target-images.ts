import { datasets, decodeImage, type ImageRecord, transforms } from '../../data/index.ts';
import { scope, type Tensor } from '../../tensor/index.ts';

/** How images become what the network takes. */
export interface Views {
  /** Of a decoded image: in its final size, changed at random or not. */
  readonly shape: transforms.Compose;
  /** The same, never changed at random: for images that a guard judges by. */
  readonly keep: transforms.Compose;
  /** Of a shaped image: for a student, colours changed. */
  readonly spoil: transforms.Compose;
  /** Of a shaped or spoilt image. */
  readonly normalise: transforms.Compose;
}

/** Images as their network takes them; to `teach` [for the teacher, for the student]. */
export function targetImages(
  paths: readonly string[],
  { shape, keep, spoil, normalise }: Views,
  use: 'adapt' | 'teach' | 'judge',
) {
  const get = async (index: number): Promise<Tensor | [Tensor, Tensor]> => {
    const image = await decodeImage(paths[index] as string);
    const views = scope(() => {
      const shaped = (use === 'judge' ? keep : shape).forward(image);
      const plain = normalise.forward(shaped);
      return use === 'teach' ? [plain, normalise.forward(spoil.forward(shaped))] : [plain];
    });
    image.dispose();
    return (use === 'teach' ? views : views[0]) as Tensor | [Tensor, Tensor];
  };
  if (use === 'teach') return { length: paths.length, get };
  const transform = new transforms.Compose([use === 'judge' ? keep : shape, normalise]);
  const imageRecord = (index: number): ImageRecord<Tensor> => ({
    source: paths[index] as string,
    transform,
    sample: (image) => image,
  });
  return { length: paths.length, get, imageRecord };
}

/** At most so many, evenly spread: files are in the order of their folders, and the first may be of one class. */
function spread(paths: readonly string[], limit = paths.length): string[] {
  const step = Math.max(1, paths.length / limit);
  return Array.from(
    { length: Math.min(limit, paths.length) },
    (_, i) => paths[Math.floor(i * step)] as string,
  );
}

/** Images of a folder, searched through; every tenth is kept apart for a guard. @throws RangeError for fewer than two */
export function findTarget(
  folder: string,
  limit: number | undefined,
  isGuarded: boolean,
): { paths: string[]; kept: string[] } {
  const found = spread(datasets.findImages(folder), limit);
  const isKept = (index: number) => isGuarded && index % 10 === 9;
  const paths = found.filter((_, index) => !isKept(index));
  const kept = found.filter((_, index) => isKept(index));
  const least = isGuarded ? 10 : 2;
  if (found.length >= least) return { paths, kept };
  const reason = isGuarded ? ', of which --bound keeps a tenth apart' : '';
  throw new RangeError(`Expected at least ${least} images in ${folder}${reason}, got ${found.length}`);
}
