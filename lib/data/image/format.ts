import { Unreadable, unsupported } from './unreadable.ts';

/** The formats that are read. */
export type ImageFormat = 'JPEG' | 'PNG' | 'WebP' | 'GIF' | 'TIFF' | 'BMP' | 'DIB' | 'PNM' | 'AVIF';

/** The formats that are read, as errors list them. */
export const READABLE_FORMATS = 'JPEG, PNG, WebP, GIF, TIFF, BMP, PNM or AVIF';

const text = (value: string) => Buffer.from(value, 'latin1');

// [format, its first bytes, where they stand]; what Pillow 12.3 accepts.
const READ: readonly (readonly [ImageFormat, Buffer, number?])[] = [
  ['JPEG', Buffer.of(0xff, 0xd8, 0xff)],
  ['PNG', text('\x89PNG\r\n\x1a\n')],
  ['GIF', text('GIF87a')],
  ['GIF', text('GIF89a')],
  ['BMP', text('BM')],
  ['TIFF', text('II*\0')],
  ['TIFF', text('MM\0*')],
  ['TIFF', text('II+\0')],
  ['TIFF', text('MM\0+')],
  ['WebP', text('WEBP'), 8],
];

// Kinds that people have and that are not read, so that the error can name them.
const KNOWN: readonly (readonly [string, Buffer, number?])[] = [
  ['TGA', text('TRUEVISION-XFILE'), -18],
  ['JPEG XL', Buffer.of(0xff, 0x0a)],
  ['JPEG XL', text('\0\0\0\x0cJXL \r\n\x87\n')],
  ['JPEG 2000', text('\0\0\0\x0cjP  \r\n\x87\n')],
  ['JPEG 2000', Buffer.of(0xff, 0x4f, 0xff, 0x51)],
  ['an icon (ICO)', Buffer.of(0, 0, 1, 0)],
  ['a cursor (CUR)', Buffer.of(0, 0, 2, 0)],
  ['an icon (ICNS)', text('icns')],
  ['Photoshop (PSD)', text('8BPS')],
  ['QOI', text('qoif')],
  ['DDS', text('DDS ')],
  ['OpenEXR', Buffer.of(0x76, 0x2f, 0x31, 0x01)],
  ['Radiance HDR', text('#?RADIANCE')],
  ['SGI', Buffer.of(0x01, 0xda)],
  ['PCX', Buffer.of(0x0a, 0x05, 0x01)],
  ['PCX', Buffer.of(0x0a, 0x03, 0x01)],
  ['Sun raster', Buffer.of(0x59, 0xa6, 0x6a, 0x95)],
  ['DICOM', text('DICM'), 128],
  ['NIfTI or other gzipped data', Buffer.of(0x1f, 0x8b)],
  ['a NumPy array', text('\x93NUMPY')],
  ['PDF', text('%PDF-')],
  ['a zip archive', text('PK\x03\x04')],
  ['a Git LFS pointer', text('version https://git-lfs')],
  ['video or audio', text('RIFF')],
  ['video', Buffer.of(0x1a, 0x45, 0xdf, 0xa3)],
];

// Brands of the ISO base media format, at byte 8.
const AVIF_BRANDS = ['avif', 'mif1'];
const OTHER_BRANDS: Record<string, string> = {
  avis: 'an AVIF sequence',
  msf1: 'an image sequence',
  heic: 'HEIC',
  heix: 'HEIC',
  hevc: 'HEIC',
  heim: 'HEIC',
};

const DIB_HEADERS = [12, 40, 52, 56, 64, 108, 124];

/**
 * Tells the format by the file's first bytes, never by its name.
 *
 * @throws Unreadable naming what the file is, where it is known
 */
export function formatOf(bytes: Uint8Array): ImageFormat {
  const found = READ.find(([, magic, at]) => hasAt(bytes, magic, at ?? 0));
  if (found !== undefined) return found[0];
  if (isPnm(bytes)) return 'PNM';
  if (hasAt(bytes, text('ftyp'), 4)) return mediaFormat(bytes);
  const known = KNOWN.find(([, magic, at]) => hasAt(bytes, magic, at ?? 0));
  if (known !== undefined) throw unsupported(known[0]);
  if (bytes.length > 16 && DIB_HEADERS.includes(Buffer.from(bytes.subarray(0, 4)).readUInt32LE(0)))
    return 'DIB';
  throw unknown(bytes);
}

function hasAt(bytes: Uint8Array, magic: Buffer, at: number): boolean {
  const start = at < 0 ? Math.max(0, bytes.length + at) : at;
  return magic.equals(bytes.subarray(start, start + magic.length));
}

function isPnm(bytes: Uint8Array): boolean {
  const letter = String.fromCharCode(bytes[1] ?? 0);
  return bytes[0] === 0x50 && '1234567fF'.includes(letter);
}

function mediaFormat(bytes: Uint8Array): ImageFormat {
  const brand = Buffer.from(bytes.subarray(8, 12)).toString('latin1');
  if (AVIF_BRANDS.includes(brand)) return 'AVIF';
  throw unsupported(OTHER_BRANDS[brand] ?? `a media file of brand "${brand.replaceAll(/[^\w ]/g, '?')}"`);
}

function unknown(bytes: Uint8Array): Unreadable {
  const start = Buffer.from(bytes.subarray(0, 512)).toString('latin1').trimStart().toLowerCase();
  if (/^(<\?xml[^>]*>\s*|<!--.*?-->\s*|<!doctype svg[^>]*>\s*)*<svg/s.test(start)) return unsupported('SVG');
  if (/^<(!doctype html|html|head|body)/.test(start)) return unsupported('a web page');
  const hex = Buffer.from(bytes.subarray(0, 8)).toString('hex');
  return new Unreadable(`it begins with the bytes ${hex}, as no readable format does`);
}
