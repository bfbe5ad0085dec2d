import { type Command, InvalidArgumentError } from 'commander';

interface Options {
  cuda?: boolean;
  jobs?: number;
  out?: string;
  define?: string[];
}

/** Adds the command `build` to the program. */
export function registerBuild(program: Command): void {
  program
    .command('build')
    .description('Compile the native module for the libtorch that is found, where none comes prebuilt')
    .option('--cuda', 'also the libraries for CUDA, with nvcc; the prebuilt kernels fit every libtorch')
    .option('--jobs <n>', 'compiler processes at once; by processors and free memory unless given', positive)
    .option('--out <folder>', 'compile in this folder and leave the result in its Release')
    .option('--define <setting>', "one of CMake's settings, NAME=VALUE; may be repeated", collect)
    .addHelpText('after', NEEDS)
    .action(run);
}

const NEEDS = `
Needs cmake 3.18, a C++20 compiler (g++ 11 or clang++ 14), and make or ninja. Takes some minutes. The result goes to the cache folder (IBN_NET_CACHE, else ibn-net in the
system's cache folder), in a clone to build/, and comes before what is prebuilt.

Examples:
  npx ibn-net build
  LIBTORCH=/path/to/libtorch npx ibn-net build`;

async function run(options: Options): Promise<void> {
  const [{ locateLibtorch }, { compileNative }] = await Promise.all([
    import('../../libtorch/find/locate.ts'),
    import('../../libtorch/build/compile-native.ts'),
  ]);
  const libtorch = locateLibtorch();
  const name = `libtorch ${libtorch.version}+${libtorch.flavour}`;
  const log = (line: string) => console.error(line);
  log(`Compiling the native module for ${name} from ${libtorch.root}`);
  const start = performance.now();
  const { folder, milliseconds } = await compileNative({ ...options, libtorch, log });
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  const loads = milliseconds === undefined ? '' : `; it loads in ${milliseconds} ms`;
  console.log(`Compiled the native module for ${name} in ${seconds} s: ${folder}${loads}`);
}

function positive(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`Expected a positive integer, got "${text}".`);
}

function collect(text: string, before: string[] = []): string[] {
  if (/^[A-Z]\w*=/i.test(text)) return [...before, text];
  throw new InvalidArgumentError(`Expected NAME=VALUE, got "${text}".`);
}
