// Test files that need more than the repository and a compiler. What is not there is told, file by file.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ask } from './process.mjs';

const NEEDS = {
  npm: {
    is: () =>
      ask('npm', ['--version']) !== undefined && ask('npm', ['ping'], { timeout: 20_000 }) !== undefined,
    why: 'needs npm and a registry for the packages that a consumer installs',
  },
  prebuildify: {
    is: () => installed('prebuildify'),
    why: 'needs prebuildify, which is not among what was brought',
  },
  sharp: { is: () => installed('sharp'), why: 'needs sharp, which is not installed for this system' },
};

const FILES = {
  'test/package.test.ts': ['npm', 'prebuildify'],
  'test/data/image.test.ts': ['sharp'],
  'test/data/datasets.test.ts': ['sharp'],
  'test/data/transforms.test.ts': ['sharp'],
  'test/cli/classify.test.ts': ['sharp'],
  'test/cli/demo.test.ts': ['sharp'],
  'test/examples/distillation.test.ts': ['sharp'],
  'test/examples/fashion-mnist.test.ts': ['sharp'],
  'test/examples/fine-tuning.test.ts': ['sharp'],
  'test/examples/grad-cam.test.ts': ['sharp'],
  'test/examples/unet.test.ts': ['sharp'],
  'test/readme.test.ts': ['sharp'],
};

/** Loads it: a package may be there and its binary not. */
function installed(name) {
  const require = createRequire(import.meta.url);
  try {
    require(name);
    return true;
  } catch {
    return false;
  }
}

/** Files that cannot run here, each with the reason: `{ file, reason }`. */
export function unfitFiles(root) {
  const met = Object.fromEntries(Object.entries(NEEDS).map(([name, { is }]) => [name, is()]));
  return Object.entries(FILES)
    .filter(([file]) => existsSync(join(root, file)))
    .flatMap(([file, needs]) => {
      const missing = needs.find((need) => !met[need]);
      return missing === undefined ? [] : [{ file, reason: NEEDS[missing].why }];
    });
}
