import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Icons of a set: SVG inside a view box of 8 x 8, by name. */
export interface FakeSet {
  icons: Record<string, string>;
  aliases?: Record<string, { parent: string; hFlip?: boolean }>;
  /** Code points by `-`: the icon's name. */
  chars?: Record<string, string>;
}

/** Writes icon packages into a `node_modules`, as Iconify lays them out. Gives the folder that it is in. */
export function writeIconPackages(folder: string, sets: Record<string, FakeSet>): string {
  for (const [name, { icons, aliases = {}, chars = {} }] of Object.entries(sets)) {
    const at = join(folder, 'node_modules/@iconify-json', name);
    mkdirSync(at, { recursive: true });
    const bodies = Object.fromEntries(Object.entries(icons).map(([icon, body]) => [icon, { body }]));
    const files = {
      'package.json': { name: `@iconify-json/${name}`, version: '9.9.9' },
      'icons.json': { prefix: name, icons: bodies, aliases, width: 8, height: 8 },
      'chars.json': chars,
    };
    for (const [file, content] of Object.entries(files))
      writeFileSync(join(at, file), JSON.stringify(content));
  }
  return folder;
}

/** A rectangle of a colour. */
export const box = (fill: string, x: number, y: number, width: number, height: number) =>
  `<path fill="${fill}" d="M${x} ${y}h${width}v${height}h-${width}z"/>`;
