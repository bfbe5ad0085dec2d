/** Extensions that `ImageFolder` takes, lower case: torchvision's `IMG_EXTENSIONS` (0.28), in its order. */
export const IMAGE_EXTENSIONS: readonly string[] = [
  '.jpg',
  '.jpeg',
  '.png',
  '.ppm',
  '.bmp',
  '.pgm',
  '.tif',
  '.tiff',
  '.webp',
];

/** Extensions of all formats that {@link decodeImage} reads, as Pillow has them: torchvision's and eight more. */
export const READABLE_EXTENSIONS: readonly string[] = [
  ...IMAGE_EXTENSIONS,
  '.gif',
  '.avif',
  '.jpe',
  '.jfif',
  '.pbm',
  '.pnm',
  '.pfm',
  '.dib',
];

/** torchvision's `has_file_allowed_extension`: the path ends with one of the extensions, in any letter case. */
export function hasExtension(path: string, extensions: readonly string[]): boolean {
  const lower = path.toLowerCase();
  return extensions.some((extension) => lower.endsWith(extension));
}
