import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as library from '../../lib/index.ts';
import * as testing from '../../lib/testing/index.ts';
import { root } from './files.ts';

/** What stands behind `@example` in a comment. */
export interface ApiExample {
  /** `nn/layers/conv.ts: Conv2d`. */
  name: string;
  code: string;
  /** Why it is compiled and not run. */
  checkOnly: string | undefined;
}

/** Values that examples use without making them; a later one may use an earlier one. */
const GIVEN: Record<string, string> = {
  x: 'randn([2, 3, 32, 32])',
  y: 'randn([2, 3, 32, 32])',
  mask: 'x.gt(0)',
  rows: 'zeros([2, 3, 32, 32])',
  images: 'randn([2, 3, 224, 224])',
  image: "randint(0, 256, [3, 300, 400], { dtype: 'uint8' })",
  batch: 'randn([2, 3, 32, 32])',
  query: 'randn([2, 4, 5, 8])',
  key: 'randn([2, 4, 5, 8])',
  value: 'randn([2, 4, 5, 8])',
  indices: "tensor([3, 1, 2], { dtype: 'int64' })",
  offsets: "tensor([0, 2], { dtype: 'int64' })",
  words: 'randn([2, 5, 32])',
  anchor: 'randn([4, 16])',
  positive: 'randn([4, 16])',
  negative: 'randn([4, 16])',
  output: 'randn([2, 10], { requiresGrad: true })',
  target: 'randn([2, 10])',
  targets: "tensor([3, 1], { dtype: 'int64' })",
  table: 'new nn.Parameter(randn([10, 4]))',
  features: 'randn([2, 2048])',
  logits: 'randn([2, 10], { requiresGrad: true })',
  labels: "tensor([3, 1], { dtype: 'int64' })",
  model:
    'new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(8, 10)).eval()',
  criterion: 'new nn.CrossEntropyLoss()',
  weight: 'randn([4, 3], { requiresGrad: true })',
  w: 'randn([3, 32, 32], { requiresGrad: true })',
  loss: 'criterion.forward(model.forward(x.mul(w)), labels)',
  optimizer: 'new optim.SGD(model.parameters(), { lr: 0.1 })',
  stateDict: 'model.stateDict()',
  expected: 'model.forward(x)',
  transform: 'transforms.imagenetEval()',
  root: "'photos/val'",
  folder: "new datasets.ImageFolder('photos/val')",
  loader:
    "new DataLoader(new datasets.ImageFolder('photos/val', { transform: transforms.imagenetEval() }), { batchSize: 2 })",
  fast: 'await compile(model, { inputs: [[1, 3, 32, 32]] })',
  current: 'await compile(model, { inputs: [[1, 3, 32, 32]] })',
  step: '(part: Tensor) => part.sum()',
  queryFeatures: 'randn([4, 16])',
  galleryFeatures: 'randn([20, 16])',
  queryIds: '[1, 2, 3, 4]',
  galleryIds: 'Array.from({ length: 20 }, (_, image) => image % 5)',
  queryCameras: '[0, 0, 0, 0]',
  queryPaths: "['q.jpg', 'r.jpg', 's.jpg', 't.jpg']",
  galleryPaths: "galleryIds.map((_, image) => image + '.jpg')",
  fromPython: 'randn([2, 2048])',
  lossA: 'x.mul(w).sum()',
  lossB: 'x.mul(w).mean()',
  network: 'models.resnet18_ibn_a().eval()',
  service: 'await serve.classification({ load: () => ({}) as never })',
  galleryCameras: 'new Array<number>(20).fill(1)',
  dataset: 'new TensorDataset(randn([96, 4]))',
  ddp: 'new nn.parallel.DistributedDataParallel(models.resnet18_ibn_a())',
  ids: 'Array.from({ length: 96 }, (_, image) => image % 16)',
  cameras: 'ids.map((_, image) => image % 3)',
  market: "reid.loadData('market1501', 'market')",
  duke: "reid.loadData('dukemtmcreid', 'duke')",
};
/** Names of files of Node's that examples use. */
const FROM_NODE: Record<string, string> = {
  readFile: 'node:fs/promises',
  createReadStream: 'node:fs',
  writeFileSync: 'node:fs',
  fastify: 'fastify',
  expect: 'vitest',
};

const CHECK_ONLY: [RegExp, string][] = [
  [/cuda/i, 'needs a GPU'],
  [/https:/, 'needs a server'],
  [/initProcessGroup|allReduce|allGatherObject|broadcastObjectList|ddp\./, 'needs other ranks'],
  [
    /weights\.bin|train-(0000|\{)|model_120|market_sbs|d9d0bb7b|market\b|gallery\.lmdb|data\/cityscapes|photographs\/|gtav_ibn|9ca61e85|sbs_R50|queryPaths|optimizer_hook|\.ibn'|safetensors'\)|FashionMNIST/,
    'needs files of its own',
  ],
  [/expect\./, 'needs a test runner'],
  [/serve\./, 'opens a port'],
];

const namespaces = [library, testing].flatMap((all) => [
  all,
  ...Object.values(all).filter((value) => Object.prototype.toString.call(value) === '[object Module]'),
]) as Record<string, unknown>[];
const isPublic = (name: string) =>
  namespaces.some(
    (space) =>
      name in space ||
      Object.values(space).some(
        (v) => Object.prototype.toString.call(v) === '[object Module]' && name in (v as object),
      ),
  );

const COMMENT = /\/\*\*((?:(?!\*\/)[\s\S])*?@example(?:(?!\*\/)[\s\S])*)\*\//g;
const DECLARATION = /^(?:\/\/.*\n)?\s*export (?:abstract )?(?:async )?(?:class|function\*?|const) (\w+)/;
const CLASSES = /^export (?:abstract )?class (\w+)/gm;

/** Examples of what the package exports. */
export function apiExamples(): ApiExample[] {
  const files = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .flatMap(examplesOf);
}

function examplesOf(file: string): ApiExample[] {
  const text = readFileSync(join(root, 'lib', file), 'utf8');
  return [...text.matchAll(COMMENT)].flatMap((match) => {
    const end = match.index + match[0].length;
    const declared = DECLARATION.exec(text.slice(end).trimStart())?.[1];
    const owner = declared ?? [...text.slice(0, end).matchAll(CLASSES)].at(-1)?.[1];
    if (owner === undefined || !isPublic(owner) || match[0].includes('@internal')) return [];
    const member = declared ? '' : `.${/(\w+|\[[^\]]+\])\s*[<(]/.exec(text.slice(end))?.[1]}`;
    const blocks = (match[1] as string).split('@example').slice(1);
    return blocks.map((block, i) => {
      const code = block
        .replace(/\n\s*\* @[\s\S]*$/, '')
        .replace(/\n\s*\* ?/g, '\n')
        .trim();
      const name = `${file}: ${owner}${member}${blocks.length > 1 ? ` ${i + 1}` : ''}`;
      return { name, code, checkOnly: CHECK_ONLY.find(([pattern]) => pattern.test(code))?.[1] };
    });
  });
}

const uses = (code: string, name: string) =>
  new RegExp(`(?<![.\\w'])${name}\\b(?!\\w*['?]?:(?!:))`).test(code.replace(/\/\/.*/g, ''));
const declares = (code: string, name: string) =>
  new RegExp(`\\b(?:const|let|class|function) (?:[{[][^=;)\\]}]*\\b)?${name}\\b`).test(code);

/** The given values that `code` needs, in their order. */
function givenFor(code: string): string {
  const wanted = new Set<string>();
  const want = (text: string) => {
    for (const [name, value] of Object.entries(GIVEN)) {
      if (wanted.has(name) || !uses(text, name) || (text === code && declares(code, name))) continue;
      wanted.add(name);
      want(value);
    }
  };
  want(code);
  return Object.entries(GIVEN)
    .filter(([name]) => wanted.has(name))
    .map(([name, value]) => `  let ${name} = ${value};\n`)
    .join('');
}

/** All examples as functions of one program, which prints what each threw. */
export function programOf(examples: readonly ApiExample[]): string {
  const bodies = examples.map(({ name, code, checkOnly }, i) => {
    const fn = `async function example${i}(this: any) {\n${givenFor(code)}  {\n${code}\n  }\n}`;
    const call =
      checkOnly === undefined ? `await attempt(${JSON.stringify(name)}, example${i});` : `void example${i};`;
    return `${fn}\n${call}\n`;
  });
  const all = bodies.join('\n');
  const imports = [
    ...importOf(
      'ibn-net',
      Object.keys(library).filter((name) => uses(all, name)),
    ),
    ...importOf(
      'ibn-net/testing',
      Object.keys(testing).filter((name) => uses(all, name)),
    ),
    ...Object.entries(FROM_NODE).flatMap(([name, module]) =>
      uses(all, name) ? importOf(module, [name]) : [],
    ),
  ];
  return `${imports.join('\n')}
async function attempt(name: string, example: (this: any) => Promise<void>) {
  try {
    await example.call({});
  } catch (error) {
    failures[name] = String((error as Error).stack);
  }
}
const failures: Record<string, string> = {};
${all}
process.stdout.write(\`\\nFAILURES \${JSON.stringify(failures)}\`);
`;
}

const importOf = (module: string, names: string[]) =>
  names.length === 0 ? [] : [`import { ${names.join(', ')} } from '${module}';`];
