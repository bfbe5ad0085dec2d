import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { dist, root, runChild, tmp } from '../../helpers/index.ts';

/** The package as it is installed: its bundles in node_modules, no sources. */
function installed(folder: string): string {
  const place = join(folder, 'node_modules', 'ibn-net');
  mkdirSync(place, { recursive: true });
  cpSync(dist, join(place, 'dist'), { recursive: true });
  for (const name of ['package.json', 'node_modules', 'build'])
    symlinkSync(join(root, name), join(place, name));
  return join(place, 'dist');
}

const NETWORKS = `
import { nn } from 'IBN_NET';
export class Net extends nn.Module {
  conv = new nn.Conv2d(3, 4, 3);
  forward(x) {
    const y = this.conv.forward(x);
    return y.erfinv(); // line 7
  }
}
export class Deep extends Net {
  forward(x, depth = 40) {
    return depth > 0 ? this.forward(x, depth - 1) : this.conv.forward(x).erfinv(); // line 12
  }
}
export class Wrapped extends nn.Module {
  body = Array.from({ length: 12 }).reduce((inner) => new nn.Sequential(inner), new nn.BatchNorm2d(3, { trackRunningStats: false }));
  forward(x) {
    return this.body.forward(x); // line 18
  }
}
export class Constant extends Net {
  forward(x) {
    return this.conv.weight;
  }
}
`;

/** Where compile says that it failed, in a program that lies in a folder of its own, whose name has a space. */
async function places(library: string, cases: string, nodeArgs: string[] = []): Promise<unknown> {
  const folder = join(tmp(), 'my app');
  mkdirSync(folder);
  const url = `${pathToFileURL(library).href}/index.js`;
  writeFileSync(join(folder, 'networks.mjs'), NETWORKS.replace('IBN_NET', url));
  const { stdout, stderr } = await runChild(
    `const { compile, models, nn } = await import('${url}');
     const networks = await import('${pathToFileURL(join(folder, 'networks.mjs')).href}');
     const found = {};
     for (const [name, model] of Object.entries(${cases})) {
       try {
         await compile(model.eval(), { inputs: [[1, 3, 8, 8]] });
       } catch (error) {
         const tail = error.source?.split('/').slice(-2).join('/');
         found[name] = [error.code, tail, error.message.includes('.js:') || error.message.includes('child.mjs')];
       }
     }
     console.log(JSON.stringify(found));`,
    { layer: false, nodeArgs },
  );
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

const CASES = `{
  net: new networks.Net(), deep: new networks.Deep(), wrapped: new networks.Wrapped(),
  constant: new networks.Constant(),
}`;
const EXPECTED = {
  net: ['ERR_COMPILE_UNSUPPORTED', 'my app/networks.mjs:7', false],
  deep: ['ERR_COMPILE_UNSUPPORTED', 'my app/networks.mjs:12', false],
  wrapped: ['ERR_COMPILE_UNSUPPORTED', 'my app/networks.mjs:18', false],
  constant: ['ERR_COMPILE_UNRECORDED', null, false],
};

describe('an error of compile', () => {
  it('names the line of the user in the built package', async () => {
    expect(await places(dist, CASES)).toEqual(EXPECTED);
  });

  it('names the line of the user in an installed package', async () => {
    expect(await places(installed(tmp()), CASES)).toEqual(EXPECTED);
  });

  it('names it with source maps and a short stack, too', async () => {
    expect(await places(dist, CASES, ['--enable-source-maps', '--stack-trace-limit=1'])).toEqual(EXPECTED);
  });

  it('names the module alone where all of the forward is of the package', async () => {
    const cases =
      '{ whole: new nn.Sequential(new nn.Conv2d(3, 3, 3), new nn.BatchNorm2d(3, { trackRunningStats: false })) }';
    const found = await places(dist, cases);
    expect(found).toEqual({ whole: ['ERR_COMPILE_UNSUPPORTED', null, false] });
  });
});
