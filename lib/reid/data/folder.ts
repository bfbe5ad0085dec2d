import { findImages } from '../../data/datasets/image-folder.ts';
import { DatasetError } from '../../data/errors.ts';
import { joinPath } from '../../data/fs-path.ts';
import { describeValue } from '../../options.ts';
import { PARTS, type ReidData, type ReidImage, reidData } from './reid-image.ts';

/** Options of `imageFolders`. */
export interface ImageFoldersOptions {
  /**
   * How a path below the root says identity and camera: `'{id}_c{camera}_{}'`, where `{}` is anything; the ending of the
   * name is left out. `{id}` and `{camera}` have no slash and are as short as can be. Or a regular expression with groups named `id` and `camera`. Without `{camera}` each
   * image is its own camera.
   */
  pattern: string | RegExp;
  /** Folders of the parts, below the root; at least one. */
  train?: string;
  query?: string;
  gallery?: string;
  /** Default 'folder'. */
  name?: string;
}

/**
 * Any folder whose file names say who was seen by which camera. Identities and cameras are texts.
 *
 * @throws DatasetError for a name that the pattern does not fit, and parts without images
 */
export function imageFolders(root: string, options: ImageFoldersOptions): ReidData {
  const pattern = compilePattern(options.pattern);
  const parts = PARTS.map((part) => {
    const folder = options[part];
    return folder === undefined ? [] : imagesIn(joinPath(root, folder), pattern);
  });
  if (parts.every((images) => images.length === 0)) {
    throw new RangeError(
      'Expected train, query or gallery for imageFolders, a folder below the root, got none',
    );
  }
  const [train = [], query = [], gallery = []] = parts;
  return reidData(options.name ?? 'folder', root, { train, query, gallery });
}

function imagesIn(folder: string, pattern: RegExp): ReidImage[] {
  const paths = findImages(folder);
  if (paths.length === 0) {
    throw new DatasetError(`Expected images in ${folder}, got none; check the path`, {
      code: 'ERR_DATASET_EMPTY',
      path: folder,
    });
  }
  return paths.map((path) => {
    const below = path
      .slice(folder.length)
      .replace(/^[\\/]/, '')
      .replaceAll('\\', '/');
    const { id, camera = below } = pattern.exec(below)?.groups ?? {};
    if (id !== undefined && id !== '') return { path, id, camera };
    throw new DatasetError(
      `Expected a path that fits ${pattern} below ${folder}, got ${below}; change the pattern`,
      {
        code: 'ERR_DATASET_NAME',
        path,
      },
    );
  });
}

function compilePattern(pattern: unknown): RegExp {
  if (pattern instanceof RegExp) return pattern;
  if (typeof pattern !== 'string' || !pattern.includes('{id}')) {
    throw new RangeError(
      `Expected a pattern with {id} for imageFolders pattern, got ${describeValue(pattern)}`,
    );
  }
  const source = pattern
    .split(/(\{\w*\})/)
    .map((piece) => PIECES[piece] ?? piece.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('');
  return new RegExp(`^${source}(?:\\.\\w+)?$`);
}

const PIECES: Record<string, string> = {
  '{id}': '(?<id>[^/]+?)',
  '{camera}': '(?<camera>[^/]+?)',
  '{}': '.*',
};
