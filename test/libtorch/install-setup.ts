import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { type Installed, type InstallOptions, installLibtorch } from '../../lib/libtorch/install/install.ts';
import type { PinnedBuild, PinnedFile } from '../../lib/libtorch/install/versions.ts';
import { type BadServer, startServer } from './bad-server.ts';
import { pin, torchWheel } from './fake-archives.ts';

/** The pinned wheel of the tests: its name, contents and entry in the table. */
export const NAME = 'torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl';
export const WHEEL = torchWheel({ version: '2.13.0+cpu' });
export const BUILDS: readonly PinnedBuild[] = [build('2.13.0', 'cpu', [pin(NAME, WHEEL, `cpu/${NAME}`)])];

/** An entry of the table for the system the tests run on. */
export function build(version: string, flavour: string, files: PinnedFile[]): PinnedBuild {
  return { version, flavour, platform: `${process.platform}-${process.arch}`, kind: 'wheel', files };
}

/** What each test starts with: an empty cache, a server in place of PyTorch's site, and a pip that has nothing. */
export interface Setup {
  folder: string;
  cache: string;
  /** The folder where pip looks, a stand-in unless a test puts the real PATH back. */
  links: string;
  server: BadServer;
  env: Record<string, string>;
  lines: string[];
  install(options?: InstallOptions): Promise<Installed>;
  /** The message of a failed installation, with changing parts replaced. */
  failure(options?: InstallOptions): Promise<string>;
}

/** Stands in for python3 -m pip, which takes seconds: copies the first wheel of the project and version. */
const FAKE_PYTHON = `#!/bin/sh
while [ $# -gt 1 ]; do [ "$1" = --dest ] && dest=$2; shift; done
version=\${1#*==}
for file in "$PIP_FIND_LINKS/$(echo "\${1%%==*}" | tr - _)-\${version%.\\*}"-*.whl; do
  [ -f "$file" ] && exec cp "$file" "$dest"
done
echo "ERROR: No matching distribution found for $1" >&2
exit 1
`;

/** Prepares a setup before each test of the file and takes it down after. */
export function useSetup(): Setup {
  const setup = {} as Setup;
  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ibn-install-'));
    const links = join(folder, 'links');
    await mkdir(links);
    const cache = join(folder, 'cache');
    const pip = { PIP_CONFIG_FILE: '/dev/null', PIP_NO_INDEX: '1', PIP_FIND_LINKS: links };
    const bin = join(folder, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'python3'), FAKE_PYTHON);
    await chmod(join(bin, 'python3'), 0o755);
    const env = { IBN_NET_CACHE: cache, PATH: `${bin}:${process.env.PATH}`, HOME: folder, ...pip };
    Object.assign(setup, { folder, cache, links, server: await startServer(), env, lines: [] });
  });
  afterEach(async () => {
    await setup.server.close();
    await rm(setup.folder, { recursive: true });
  });
  setup.install = (options = {}) => {
    const { env, server, lines } = setup;
    const log = (line: string) => void lines.push(line);
    return installLibtorch({ env, builds: BUILDS, site: `${server.url}/whl`, log, ...options });
  };
  setup.failure = async (options) => {
    const error = await setup.install(options).then(
      () => new Error('Expected the installation to fail'),
      (thrown: Error) => thrown,
    );
    return error.message.replaceAll(setup.folder, 'TMP').replaceAll(setup.server.url, 'SERVER');
  };
  return setup;
}

/** The files below a folder, sorted. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
