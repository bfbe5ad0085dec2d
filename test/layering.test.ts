import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './helpers/files.ts';

const lib = join(root, 'lib');

// Who may import whom, besides their own folder, `errors` and `options`. A folder that is not here fails the test.
const ALLOWED: Record<string, string[]> = {
  errors: ['plain-words'],
  options: [],
  'plain-words': [],
  'atomic-file': [],
  'call-site': [],
  cache: [],
  problem: [],
  'state-dict-keys': [],
  'text-table': [],
  net: [],
  libtorch: ['problem', 'cache', 'net'],
  'binding-types': [],
  binding: ['binding-types', 'problem', 'libtorch'],
  ops: ['binding'],
  tensor: ['binding', 'ops', 'call-site'],
  functions: ['ops', 'tensor'],
  distributions: ['tensor'],
  autograd: ['ops', 'tensor'],
  checkpoint: ['atomic-file', 'state-dict-keys', 'ops', 'tensor'],
  // Objects travel between ranks as pickles.
  distributed: ['ops', 'tensor', 'checkpoint'],
  data: ['ops', 'tensor', 'atomic-file', 'cache', 'distributed'],
  // Norms and parallel modules over several processes.
  nn: ['state-dict-keys', 'ops', 'tensor', 'autograd', 'distributed'],
  optim: ['tensor', 'nn'],
  cuda: ['ops', 'tensor'],
  amp: ['tensor', 'optim', 'cuda'],
  utils: ['tensor', 'autograd', 'cuda', 'amp'],
  models: ['text-table', 'tensor', 'nn'],
  compile: ['atomic-file', 'call-site', 'text-table', 'ops', 'tensor', 'nn', 'cuda', 'binding'],
  // Published weights come with their preprocessing and class names, which are data's.
  hub: ['problem', 'net', 'checkpoint', 'data', 'nn', 'models'],
  train: ['tensor', 'nn', 'optim', 'amp', 'cuda', 'checkpoint', 'plot', 'data', 'distributed'],
  // Re-identification; its rooms are models, data, ranking, gallery and training.
  reid: [
    'tensor',
    'nn',
    'models',
    'data',
    'checkpoint',
    'optim',
    'hub',
    'distributed',
    'train',
    'atomic-file',
    'ops',
    'plot',
  ],
  // Segmentation; its rooms are models, data, losses, metrics and prediction.
  segment: ['atomic-file', 'tensor', 'nn', 'models', 'data', 'checkpoint'],
  // It never imports train.
  serve: ['atomic-file', 'problem', 'libtorch', 'tensor', 'data', 'reid'],
  // Studies of features; never of training.
  studies: ['tensor', 'nn', 'models'],
  // Adaptation without labels; what trains is given to train, or done by its caller.
  adapt: ['tensor', 'nn', 'optim', 'compile'],
  plot: [],
  testing: ['tensor'],
  cli: ['*'],
  index: ['*'],
};
// Who may import whom inside a folder that has rooms. Files beside the rooms are `.`: the folder's front, or what the
// rooms stand on.
const ROOMS: Record<string, Record<string, string[]>> = {
  compile: {
    trace: ['.'],
    graph: ['.', 'trace'],
    passes: ['graph'],
    cpu: ['.', 'trace', 'graph', 'passes', 'plan-file'],
    cuda: ['.', 'trace', 'graph', 'passes', 'plan-file'],
    'plan-file': ['.', 'cpu', 'cuda'],
    export: ['.', 'trace'],
    onnx: ['.', 'trace', 'graph'],
    profile: ['.', 'cpu'],
    quantize: ['.', 'graph', 'cpu'],
    '.': ['graph', 'cpu', 'cuda', 'plan-file', 'export', 'onnx', 'quantize', 'profile'],
  },
  libtorch: {
    wheels: [],
    find: ['wheels'],
    load: ['find', 'wheels'],
    install: ['load', 'find', 'wheels'],
    build: ['install', 'load', 'find', 'wheels'],
  },
  checkpoint: {
    zip: ['.'],
    storage: ['.'],
    pickle: ['.', 'storage'],
    safetensors: ['.', 'storage'],
    objects: ['.', 'pickle', 'storage'],
    'torch-file': ['.', 'zip', 'pickle', 'objects', 'storage'],
    '.': ['storage', 'objects', 'pickle', 'safetensors', 'torch-file'],
  },
  data: {
    image: ['.'],
    samplers: [],
    datasets: ['.', 'transforms', 'pipeline', 'tar'],
    tar: ['.', 'datasets', 'pipeline', 'transforms'],
    // Records are what the pipeline asks of data sets.
    combine: ['datasets', 'samplers', 'pipeline'],
    pipeline: ['.', 'image', 'transforms'],
    loader: ['.', 'combine', 'datasets', 'samplers', 'pipeline'],
    transforms: ['.'],
    corruptions: ['.'],
    '.': ['image', 'samplers', 'datasets', 'combine', 'pipeline', 'loader', 'transforms', 'corruptions'],
  },
  distributed: { stores: ['.'], collectives: ['.'], '.': ['stores', 'collectives'] },
  tensor: {
    gradients: ['.'],
    indexing: ['.'],
    printing: ['.', 'gradients'],
    '.': ['gradients', 'indexing', 'printing'],
  },
  nn: {
    init: [],
    // A module loads state dicts, and what loads them walks modules.
    module: ['loading'],
    loading: ['module'],
    functional: ['.', 'module'],
    layers: ['.', 'init', 'module', 'functional', 'utils'],
    utils: ['.', 'init', 'module', 'layers'],
    parallel: ['module', 'layers'],
    '.': ['init', 'module', 'loading', 'functional', 'layers', 'utils', 'parallel'],
  },
  optim: {
    base: ['.'],
    optimizers: ['.', 'base'],
    'lr-scheduler': ['.', 'base'],
    'swa-utils': ['.', 'lr-scheduler', 'base'],
    '.': ['base', 'optimizers', 'lr-scheduler', 'swa-utils'],
  },
  autograd: { functional: ['.'], gradcheck: ['.'], '.': ['functional', 'gradcheck'] },
  train: {
    metrics: [],
    config: [],
    logs: [],
    report: [],
    run: ['.', 'metrics'],
    '.': ['run', 'metrics', 'config', 'report', 'logs'],
  },
  serve: {
    jobs: ['.'],
    http: ['.', 'jobs'],
    classification: ['.', 'http', 'jobs'],
    reid: ['.', 'http', 'jobs'],
    // What runs in the browser.
    page: [],
    '.': ['http', 'jobs', 'classification', 'reid'],
  },
  models: { blocks: ['.'], networks: ['.', 'blocks'], '.': ['blocks', 'networks'] },
  cli: {
    network: ['.'],
    classify: ['.', 'network'],
    evaluate: ['.', 'network'],
    train: ['.', 'network'],
    launch: ['.', 'train'],
    reid: ['.', 'network', 'serve', 'train'],
    segment: ['.', 'network', 'adapt', 'finetune', 'train'],
    adapt: ['.', 'network', 'evaluate', 'train'],
    finetune: ['.', 'network', 'adapt', 'train'],
    divergence: ['.', 'network', 'train'],
    variants: ['.', 'network', 'evaluate', 'train'],
    reproduce: ['.', 'network', 'evaluate', 'train', 'variants'],
    serve: ['.', 'network'],
    inspect: ['.'],
    convert: ['.'],
    export: ['.', 'network'],
    machine: [],
    report: [],
    '.': [
      'report',
      'classify',
      'evaluate',
      'train',
      'launch',
      'reid',
      'segment',
      'divergence',
      'variants',
      'adapt',
      'reproduce',
      'finetune',
      'serve',
      'network',
      'inspect',
      'convert',
      'export',
      'machine',
    ],
  },
};
const EVERYWHERE = new Set(['errors', 'options']);
const NEVER_IMPORTED = new Set(['cli', 'index', 'testing']);
// Imports of types are erased by the compiler and load nothing.
const TYPE_ONLY: Record<string, string[]> = {
  tensor: ['libtorch'],
  data: ['binding'],
  reid: ['compile'],
  cuda: ['binding'],
  distributed: ['binding'],
  autograd: ['binding'],
};

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

/** `nn/layers/conv.ts` is of nn, `binding.ts` of binding. */
const layerOf = (file: string) => (relative(lib, file).split('/')[0] as string).replace(/\.ts$/, '');

const STATEMENT = /^\s*(?:import|export)\s+(type\s+)?(?:([^'";]*?)\s+from\s+)?'([^']+)';?/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*\)/g;

/** `{ type A, type B }` loads nothing, as `import type` does not. */
function namesTypesOnly(clause: string | undefined): boolean {
  const names = clause?.match(/^\{([\s\S]*)\}$/)?.[1];
  return names?.split(',').every((name) => /^\s*(type\s|$)/.test(name)) ?? false;
}

function importsOf(file: string): Import[] {
  const source = readFileSync(file, 'utf8');
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean) => {
    if (specifier.startsWith('.'))
      found.push({ from: file, to: resolve(dirname(file), specifier), typeOnly });
  };
  for (const [, type, clause, specifier] of source.matchAll(STATEMENT)) {
    add(specifier as string, type !== undefined || namesTypesOnly(clause));
  }
  // `typeof import('...')` and `import('...')` as a type stand after a colon, `as` or `typeof`.
  for (const match of source.matchAll(DYNAMIC)) {
    add(match[1] as string, /(?:typeof|:|as|<)\s*$/.test(source.slice(0, match.index)));
  }
  return found;
}

const files = readdirSync(lib, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(lib, name));
const imports = files.flatMap(importsOf);
const show = ({ from, to }: Import) => `${relative(lib, from)} imports ${relative(lib, to)}`;

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const [source, target] = [layerOf(from), layerOf(to)];
  if (source === target || EVERYWHERE.has(target)) return true;
  if (NEVER_IMPORTED.has(target)) return false;
  const allowed = ALLOWED[source] ?? [];
  if (allowed.includes('*') || allowed.includes(target)) return true;
  return typeOnly && (TYPE_ONLY[source] ?? []).includes(target);
}

/** `cpu` for `compile/cpu/lower.ts`, `.` for `compile/load.ts`. */
function roomOf(file: string): string {
  const parts = relative(lib, file).split('/');
  return parts.length > 2 ? (parts[1] as string) : '.';
}

/** Imports between rooms of one folder that has rules for them. */
const betweenRooms = imports.filter(
  ({ from, to }) => layerOf(from) === layerOf(to) && layerOf(from) in ROOMS && roomOf(from) !== roomOf(to),
);
const mayEnter = ({ from, to }: Import) =>
  ROOMS[layerOf(from)]?.[roomOf(from)]?.includes(roomOf(to)) ?? false;

/** Files of one cycle of imports, or undefined. */
function findCycle(edges: Import[]): string[] | undefined {
  const targets = new Map<string, string[]>();
  for (const { from, to } of edges) targets.set(from, [...(targets.get(from) ?? []), to]);
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const next of targets.get(file) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of files) {
    const cycle = visit(file);
    if (cycle) return cycle.map((name) => relative(lib, name));
  }
  return undefined;
}

describe('the layers of lib', () => {
  it('are read: files, imports and folders', () => {
    expect(files.length).toBeGreaterThan(80);
    expect(imports.length).toBeGreaterThan(200);
    expect(imports.filter(({ typeOnly }) => typeOnly).length).toBeGreaterThan(10);
    const layers = new Set(files.map(layerOf));
    expect([...layers].filter((layer) => !(layer in ALLOWED))).toEqual([]);
    expect(Object.keys(ALLOWED).filter((layer) => !layers.has(layer))).toEqual([]);
  });

  it('import files that exist, by their .ts names', () => {
    expect(imports.filter(({ to }) => !existsSync(to) || !to.endsWith('.ts')).map(show)).toEqual([]);
  });

  it('import downwards only', () => {
    expect(imports.filter((item) => !isAllowed(item)).map(show)).toEqual([]);
  });

  it('enter only the rooms of a folder that theirs may', () => {
    expect(betweenRooms.length).toBeGreaterThan(50);
    expect(betweenRooms.filter((item) => !mayEnter(item)).map(show)).toEqual([]);
  });

  it('have no permission that nobody uses', () => {
    const used = new Set(imports.map(({ from, to }) => `${layerOf(from)} -> ${layerOf(to)}`));
    const usedInside = new Set(
      betweenRooms.map(({ from, to }) => `${layerOf(from)}: ${roomOf(from)} -> ${roomOf(to)}`),
    );
    const given = Object.entries(ALLOWED).flatMap(([from, to]) => to.map((name) => `${from} -> ${name}`));
    const inside = Object.entries(ROOMS).flatMap(([folder, rooms]) =>
      Object.entries(rooms).flatMap(([from, to]) => to.map((name) => `${folder}: ${from} -> ${name}`)),
    );
    expect(given.filter((name) => !name.endsWith('*') && !used.has(name))).toEqual([]);
    expect(inside.filter((name) => !usedInside.has(name))).toEqual([]);
  });

  it('reach native code through ops, tensor and the engine of compile only', () => {
    const users = imports.filter(({ to, typeOnly }) => layerOf(to) === 'binding' && !typeOnly);
    expect(users.length).toBeGreaterThan(3);
    expect(
      users.filter(({ from }) => !['ops', 'tensor', 'compile'].includes(layerOf(from))).map(show),
    ).toEqual([]);
  });

  it('have no cycle of files when loaded', () => {
    expect(findCycle(imports.filter(({ typeOnly }) => !typeOnly))).toBeUndefined();
  });

  it('have no cycle of folders, types included', () => {
    const between = imports.filter(({ from, to }) => layerOf(from) !== layerOf(to));
    const pairs = new Set(between.map(({ from, to }) => `${layerOf(from)} -> ${layerOf(to)}`));
    const up = between.filter(({ from, to }) => pairs.has(`${layerOf(to)} -> ${layerOf(from)}`));
    expect(up.map(show)).toEqual([]);
  });

  it('are told apart from what the check would miss', () => {
    const cycle = findCycle([
      { from: files[0] as string, to: files[1] as string, typeOnly: false },
      { from: files[1] as string, to: files[0] as string, typeOnly: false },
    ]);
    expect(cycle).toHaveLength(3);
    const upwards = { from: join(lib, 'data/x.ts'), to: join(lib, 'nn/y.ts'), typeOnly: false };
    expect(isAllowed(upwards)).toBe(false);
    expect(isAllowed({ ...upwards, from: join(lib, 'models/x.ts') })).toBe(true);
  });
});

// What each folder of native/ may include besides the standard library, the system and itself, its rooms being part of it.
// `.` is native/ itself.
const NATIVE: Record<string, RegExp> = {
  '.': /^node_api\.h$/,
  binding: /^(ATen|c10|torch|caffe2)\/|^(napi|node_api)\.h$/,
  // Hooks and functions of JavaScript in autograd's graph.
  autograd: /^(ATen|c10|torch)\/|^binding\/[\w/]+\.h$/,
  // c10d's, and the stubs of Gloo's headers that one file includes.
  distributed: /^(ATen|c10|torch|gloo|arpa|netinet)\/|^(binding|autograd)\/[\w/]+\.h$/,
  kernels: /^immintrin\.h$/,
  engine: /^(ATen|c10)\/|^node_api\.h$|^(kernels|binding)\/[\w/]+\.h$/,
  // Threads are started where exit() finds and ends them.
  data: /^(ATen|c10)\/|^(node_api|jpeglib|jerror)\.h$|^binding\/[\w/]+\.h$|^engine\/run\/engine_threads\.h$|^kernels\/kernels\.h$/,
  // Ops for every device, called through torch's dispatcher: no Node. How work is cut is the kernels' plan.
  ops: /^(ATen|c10|torch)\/|^cuda\/(plan|tensor_layout)\.h$|^kernels\/kernels\.h$/,
  // emulator.h is the host tests' platform, in CUDA's place.
  cuda: /^cuda_\w+\.h$|^emulator\.h$/,
};
// Which rooms of its own folder a room's files may include. Files beside the rooms are `.`.
const NATIVE_ROOMS: Record<string, Record<string, string[]>> = {
  binding: {
    // A handle's errors name ops and devices, and garbage is collected by what the devices have.
    env: ['dispatch', 'memory', 'device'],
    memory: ['.', 'env'],
    dispatch: ['.', 'env'],
    device: ['.'],
    torchscript: ['.'],
    '.': ['env', 'memory', 'dispatch', 'device'],
  },
  kernels: {
    simd: ['.'],
    conv: ['.', 'simd'],
    int8: ['.', 'simd', 'conv'],
    maps: ['.', 'simd'],
    pointwise: ['.', 'simd'],
    '.': ['simd'],
  },
  engine: { plan: [], steps: ['plan'], run: ['plan'], '.': ['plan', 'run'] },
};
// Files of cuda/ that know libtorch: one by its stable ABI alone, one of each minor.
const CUDA_LIBRARIES: Record<string, RegExp> = {
  'library.cu': /^torch\/(csrc\/stable|headeronly|csrc\/inductor\/aoti_torch\/c)\//,
  'graph.cc': /^(ATen|c10|torch)\//,
};

describe('the layers of native', () => {
  const native = join(root, 'native');
  const sources = readdirSync(native, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(c|cc|cu|h|cuh)$/.test(name),
  );
  const includes = sources.flatMap((name) =>
    [...readFileSync(join(native, name), 'utf8').matchAll(/^#include ([<"])([^>"]+)[>"]/gm)].map((match) =>
      includeOf(name, match[1] === '"', match[2] as string),
    ),
  );

  /** An include; what is quoted is a path from native/, where it is a file there. */
  function includeOf(name: string, quoted: boolean, path: string) {
    const target = join(dirname(name), path);
    return { name, quoted, path: quoted && existsSync(join(native, target)) ? target : path };
  }
  type Include = ReturnType<typeof includeOf>;

  /** `binding` for `binding/env/env.h`, `.` for `shim.c`. */
  const folderOf = (path: string) => (path.includes('/') ? (path.split('/')[0] as string) : '.');
  /** `env` for `binding/env/env.h`, `.` for `binding/call.h`. */
  const nativeRoomOf = (path: string) => path.split('/').slice(1, -1).join('/') || '.';

  /** Standard and system headers have no folder of a library in their names. */
  function isAllowedInclude({ name, quoted, path }: Include): boolean {
    const folder = folderOf(name);
    if (!quoted && (/^[a-z_]+$/.test(path) || /^(sys\/\w+|[a-z]+)\.h$/.test(path))) {
      return !/^(napi|immintrin)\.h$/.test(path) || (NATIVE[folder] as RegExp).test(path);
    }
    if (quoted && existsSync(join(native, path)) && folderOf(path) === folder) return true;
    const library = folder === 'cuda' ? CUDA_LIBRARIES[name.slice('cuda/'.length)] : undefined;
    return (NATIVE[folder] as RegExp).test(path) || (library?.test(path) ?? false);
  }

  /** Includes between two rooms of one folder. */
  const betweenNativeRooms = includes.filter(
    ({ name, quoted, path }) =>
      quoted && folderOf(name) === folderOf(path) && nativeRoomOf(name) !== nativeRoomOf(path),
  );
  const inside = ({ name, path }: Include) =>
    `${folderOf(name)}: ${nativeRoomOf(name)} -> ${nativeRoomOf(path)}`;

  it('are read: sources, includes and folders', () => {
    expect(sources.length).toBeGreaterThan(80);
    expect(includes.length).toBeGreaterThan(250);
    expect([...new Set(sources.map(folderOf))].sort()).toEqual(Object.keys(NATIVE).sort());
    expect(betweenNativeRooms.length).toBeGreaterThan(50);
  });

  it('include only what their folder may', () => {
    const wrong = includes.filter((item) => !isAllowedInclude(item));
    expect(wrong.map(({ name, path }) => `${name} includes ${path}`)).toEqual([]);
  });

  it('include only what their room may, and have no permission that none uses', () => {
    const given = Object.entries(NATIVE_ROOMS).flatMap(([folder, rooms]) =>
      Object.entries(rooms).flatMap(([from, to]) => to.map((name) => `${folder}: ${from} -> ${name}`)),
    );
    expect([...new Set(betweenNativeRooms.map(inside))].sort()).toEqual(given.sort());
  });

  it('are told apart from what the check would miss', () => {
    expect(isAllowedInclude(includeOf('cuda/plan.h', false, 'ATen/ATen.h'))).toBe(false);
    expect(isAllowedInclude(includeOf('cuda/library.cu', false, 'ATen/ATen.h'))).toBe(false);
    expect(isAllowedInclude(includeOf('ops/x.cc', false, 'napi.h'))).toBe(false);
    expect(isAllowedInclude(includeOf('kernels/conv/x.cc', true, '../../binding/env/env.h'))).toBe(false);
    expect(isAllowedInclude(includeOf('engine/steps/x.cc', true, '../../binding/env/env.h'))).toBe(true);
  });
});
