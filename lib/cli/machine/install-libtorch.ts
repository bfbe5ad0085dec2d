import type { Command } from 'commander';

interface Options {
  cuda?: boolean;
  version?: string;
  from?: string;
  force?: boolean;
}

/** Adds the command `install-libtorch` to the program. */
export function registerInstallLibtorch(program: Command): void {
  program
    .command('install-libtorch')
    .description('Install libtorch in the cache folder that all projects share')
    .option('--cuda', 'a CUDA build; 2.14.1+cu130 unless --version or --from says otherwise')
    .option('--version <version>', 'such as 2.13.0+cpu, the default')
    .option('--from <file|folder|url>', 'a libtorch zip or PyTorch wheel, or a folder that holds one')
    .option('--force', 'install again what is installed already')
    .addHelpText('after', SOURCES)
    .action(run);
}

const SOURCES = `
Sources in order: --from, IBN_NET_LIBTORCH_MIRROR (URL or folder), PyTorch's download site, pip's index.
The cache folder is IBN_NET_CACHE, else ibn-net in the system's cache folder.

Examples:
  npx ibn-net install-libtorch
  npx ibn-net install-libtorch --cuda
  npx ibn-net install-libtorch --from torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl`;

async function run(options: Options): Promise<void> {
  const [{ installLibtorch }, { locateLibtorch }] = await Promise.all([
    import('../../libtorch/install/install.ts'),
    import('../../libtorch/find/locate.ts'),
  ]);
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort(new Error('Stopped')));
  const start = performance.now();
  const installed = await installLibtorch({
    ...options,
    log: (line) => console.error(line),
    signal: controller.signal,
  });
  const name = `libtorch ${installed.version}+${installed.flavour}`;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    installed.alreadyThere
      ? `${name} is installed already: ${installed.root}`
      : `Installed ${name} in ${seconds} s: ${installed.root}`,
  );
  const { tryInstalled } = await import('./try-installed.ts');
  tryInstalled(installed, (line) => console.error(line));
  try {
    const used = locateLibtorch();
    if (used.root !== installed.root) console.log(howToUse(installed, used));
  } catch (error) {
    // Installing went well, but a setting keeps the new libtorch from being found.
    console.error((error as Error).message);
  }
}

interface Build {
  root: string;
  version: string;
  flavour: string;
  source?: string;
}

function howToUse(installed: Build, used: Build): string {
  const release = (build: Build) => `${build.version}+${build.flavour}`;
  const way =
    used.source === 'cache'
      ? `export IBN_NET_LIBTORCH_VERSION=${release(installed)}`
      : `unset ${used.source}`;
  return `In use is ${release(used)} (${used.source}). To use the new one: ${way}`;
}
