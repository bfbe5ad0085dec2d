#!/usr/bin/env node
// prebuildify runs this in node-gyp's place, in a folder of its own: compiles the native module for each libtorch of
// IBN_NET_PREBUILD (JSON) with `ibn-net build`, and collects the libraries in build/Release, where prebuildify looks.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const release = join(process.cwd(), 'build', 'Release');
const builds = JSON.parse(process.env.IBN_NET_PREBUILD ?? '[]');

rmSync(release, { recursive: true, force: true });
mkdirSync(release, { recursive: true });
for (const { minor, libtorch, out, cuda, reuse } of builds) {
  if (!reuse) compile(libtorch, out, cuda ? ['--cuda'] : []);
  for (const name of librariesOf(join(out, 'Release'), minor)) {
    copyFileSync(join(out, 'Release', name), join(release, name));
  }
}

function compile(libtorch, out, flags) {
  // A user's machine need not have libjpeg-turbo.
  const jpeg = ['--define', 'IBN_JPEG=STATIC'];
  const command = [join(root, 'dist/cli/main.js'), 'build', '--out', out, ...jpeg, ...flags];
  const { status } = spawnSync(process.execPath, command, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, LIBTORCH: libtorch },
  });
  if (status !== 0) process.exit(1);
}

/** A folder's libraries, but for those that an earlier build for another minor left. */
function librariesOf(folder, minor) {
  return readdirSync(folder).filter((name) => {
    const suffix = /-(\d+\.\d+)\.\w+$/.exec(name)?.[1];
    return /\.(node|so|dylib)$/.test(name) && (suffix === undefined || suffix === minor);
  });
}
