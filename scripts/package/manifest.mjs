// The package.json of the tarball: what only a clone needs is left out, so that npm finds no script to ask about.
//   node scripts/package/manifest.mjs --strip      before packing: package.json becomes the tarball's
//   node scripts/package/manifest.mjs --restore    afterwards, or when packing was cut off: it is the clone's again
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const ONLY_IN_A_CLONE = ['scripts', 'devDependencies', 'overrides', 'gypfile'];

/**
 * The manifest that is published.
 * @param {string} text package.json of a clone
 */
export function published(text) {
  const kept = Object.entries(JSON.parse(text)).filter(([name]) => !ONLY_IN_A_CLONE.includes(name));
  return `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`;
}

// npm runs scripts in the package's folder.
const manifest = 'package.json';
const clone = '.package.clone.json';

function strip() {
  restore();
  const text = readFileSync(manifest, 'utf8');
  writeFileSync(clone, text);
  writeFileSync(manifest, published(text));
}

function restore() {
  if (existsSync(clone)) renameSync(clone, manifest);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [mode] = process.argv.slice(2);
  if (mode === '--strip') strip();
  else if (mode === '--restore') restore();
  else {
    console.error(`Expected --strip or --restore, got ${mode ?? 'nothing'}`);
    process.exitCode = 2;
  }
}
