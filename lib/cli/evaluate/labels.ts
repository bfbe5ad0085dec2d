import { IMAGENET_WNIDS } from '../../data/index.ts';
import { nearNames } from '../../options.ts';
import type { Classifier } from '../network/classifier.ts';

/** How folders were matched with the network's classes. */
export type MatchedBy = 'name' | 'WordNet number' | 'place';

/** The network's class of each folder of the data. */
export interface Labels {
  readonly by: MatchedBy;
  readonly labels: readonly number[];
}

/**
 * Matches folders with classes: by name where the network's classes have names of its own, by number for ImageNet's, else
 * by place.
 *
 * @param takesClasses whether the command has `--classes`, so that an error may advise it
 * @throws RangeError where a folder has no class, or the numbers of both differ
 */
export function matchLabels(
  folders: readonly string[],
  { classes, namesFrom }: Pick<Classifier, 'classes' | 'namesFrom'>,
  takesClasses = true,
): Labels {
  if (namesFrom === 'file' || namesFrom === 'checkpoint')
    return byName(folders, classes, namesFrom, takesClasses);
  if (namesFrom === 'imagenet' && folders.every((folder) => IMAGENET_WNIDS.includes(folder))) {
    return { by: 'WordNet number', labels: folders.map((folder) => IMAGENET_WNIDS.indexOf(folder)) };
  }
  if (folders.length === classes.length) return { by: 'place', labels: folders.map((_, index) => index) };
  throw new RangeError(
    `Expected a folder for each of the network's ${classes.length} classes, got ${folders.length}; ` +
      (takesClasses
        ? 'a name for each of its classes (--classes FILE, the names of the folders in the order of its outputs) lets it take some of them'
        : 'a checkpoint that names its classes, as those of ibn-net train do, takes some of them'),
  );
}

function byName(
  folders: readonly string[],
  classes: readonly string[],
  from: 'file' | 'checkpoint',
  takesClasses: boolean,
): Labels {
  const unknown = folders.filter((folder) => !classes.includes(folder));
  if (unknown.length === 0) return { by: 'name', labels: folders.map((folder) => classes.indexOf(folder)) };
  const [first] = unknown as [string];
  const more = unknown.length > 1 ? ` (+${unknown.length - 1})` : '';
  const source = from === 'file' ? '--classes' : "the checkpoint's classes";
  throw new RangeError(
    `Expected folders with names from ${source}, got "${first}"${more}${near(first, classes)}; ` +
      (takesClasses
        ? 'rename them, or pass --classes FILE with the names of the folders in the order of the outputs'
        : 'rename them'),
  );
}

function near(name: string, classes: readonly string[]): string {
  const [nearest] = nearNames(name, classes);
  if (nearest !== undefined) return ` (near "${nearest}")`;
  return ` where there are "${classes.slice(0, 3).join('", "')}" and ${Math.max(0, classes.length - 3)} more`;
}
