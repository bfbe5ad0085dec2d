import { scope, type Tensor } from '../../tensor/index.ts';
import { decodeImage } from '../image.ts';

/** For severities 1 to 5. */
const QUALITY = [25, 18, 15, 10, 7] as const;

/** A uint8 image (C, H, W) as it is after JPEG has written it at a low quality. */
export async function compressed(image: Tensor, severity: number): Promise<Tensor> {
  const [channels, height, width] = image.shape as [1 | 3, number, number];
  const pixels = scope(() => image.permute([1, 2, 0]).data() as Uint8Array);
  const { default: sharp } = await import('sharp');
  const file = await sharp(pixels, { raw: { channels, height, width } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .jpeg({ quality: QUALITY[severity - 1] as number, chromaSubsampling: '4:2:0' })
    .toBuffer();
  const decoded = await decodeImage(file);
  const result = scope(() => decoded.narrow(0, 0, channels).clone({ memoryFormat: 'contiguous_format' }));
  decoded.dispose();
  return result;
}
