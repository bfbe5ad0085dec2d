import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../helpers/files.ts';
import { runChild, tmp } from '../helpers/index.ts';
import { expectSaid, PRELUDE } from './attack.ts';

const FINE = '[77,88,99]';

// Attacks on the native surface, by name: what the child does, and what it must say.
const cases: Record<string, [source: string, ...lines: string[]]> = {
  'calls at the end of the stack': [
    `const conv = op('conv2d');
     const image = binding.fromCopy(new Float32Array(1024), 'float32', [1, 1, 32, 32]);
     const filter = binding.fromCopy(new Float32Array(9), 'float32', [1, 1, 3, 3]);
     let calls = 0;
     const dig = () => { try { dig(); } finally { if (calls++ < 300) attempt(() => conv(image, filter)); } };
     say(attempt(dig), busy());`,
    `"RangeError: Maximum call stack size exceeded" ${FINE}`,
  ],
  'a graph of 300,000 nodes that is dropped, or run backward': [
    `for (const run of [false, true]) {
       const x = op('ones')([1]);
       binding.setRequiresGrad(x, true);
       let y = x;
       const add = op('add', 'Tensor');
       for (let i = 0; i < 150000; i++) { const next = add(y, x); if (y !== x) binding.dispose(y); y = next; }
       if (run) { binding.backward([y], [null], false, false, []); say(read(binding.grad(x))); }
       binding.dispose(y);
     }`,
    '[150001]',
  ],
  'an out that is too small for an op that does not look at it': [
    `const out = make(7);
     const noise = binding.fromCopy(new Float32Array(1000), 'float32', [1000]);
     const x = op('ones')([1000]);
     for (let i = 0; i < 100; i++) {
       const small = op('empty', 'memory_format')([0]);
       op('rrelu_with_noise', 'out')(x, noise, 0.1, 0.3, true, null, small);
       if (i === 99) say(binding.sizes(small), new Set(read(small)).size, busy());
     }
     const shared = binding.fromBuffer(new Float32Array(2), 'float32', [2], 0);
     say(attempt(() => op('rrelu_with_noise', 'out')(x, noise, 0.1, 0.3, true, null, shared)), binding.sizes(shared));`,
    `[1000] 1 ${FINE}`,
    '"TorchError: aten::rrelu_with_noise.out: Trying to resize storage that is not resizable" [2]',
  ],
  'a list of 100,000 tensors': [
    `say(binding.sizes(op('cat')(Array.from({ length: 100000 }, () => make(1)), 0)));`,
    '[100000]',
  ],
  'more than 64 dimensions, arguments and sizes': [
    `const view = binding.getSizesOp('aten::view', '');
     const ones = Array.from({ length: 200 }, () => 1);
     say(attempt(() => binding.sizes(view(make(1), ...ones)).length));
     say(attempt(() => binding.sizes(op('reshape')(make(1), ones)).length));
     say(attempt(() => read(op('relu')(make(-1), ...ones))));
     say(attempt(() => view(...ones)), attempt(() => view()));`,
    '200',
    '200',
    '[0]',
    '"TypeError: Expected a Tensor" "RangeError: Expected a tensor and sizes"',
  ],
  'sizes that no memory has': [
    `const codes = [[2 ** 50], [-1], [2 ** 53], [2 ** 40, 2 ** 40], [NaN], [Infinity], [0.5], [2n ** 62n], [2n ** 80n], ['2']]
       .map((size) => { try { op('zeros')(size); return 'made'; } catch (error) { return error.name; } });
     say([...new Set(codes)].sort(), busy());`,
    `["RangeError","TorchError","TypeError"] ${FINE}`,
  ],
  'strides and offsets beyond the memory': [
    `const x = make(1, 2, 3);
     const storage = binding.storageOfTensor(x);
     const tries = [
       () => op('as_strided')(x, [4], [1]), () => op('as_strided')(x, [2], [2 ** 60]), () => op('as_strided')(x, [3], [1], 1),
       () => op('as_strided')(x, [3], [-1]), () => op('as_strided')(x, [2 ** 40], [0]),
       () => binding.tensorFromStorage(storage, 'float32', 0, [2], [3]), () => binding.tensorFromStorage(storage, 'float32', -1, [1], [1]),
       () => binding.tensorFromStorage(storage, 'float64', 1, [1], [1]), () => binding.tensorFromStorage(storage, 'float32', 0, [2 ** 52, 2 ** 52], [1, 1]),
       () => binding.storageRange(storage, 8, 8), () => binding.storageRange(storage, -8, 8), () => binding.storageCopy(storage, 2 ** 53, 1),
       () => op('set_', 'source_Storage_storage_offset')(make(1), storage, 0, [100], [1]),
     ];
     say(tries.map((run) => { try { run(); return 1; } catch { return 0; } }).join(''), busy());`,
    `"0000100000000" ${FINE}`,
  ],
  'resizing memory that cannot grow': [
    `process.emitWarning = () => {};
     const shared = () => binding.fromBuffer(new Float32Array(4), 'float32', [4], 0);
     const tries = [
       [shared(), (x) => op('resize_')(x, [1 << 28])],
       [shared(), (x) => op('resize_as_')(x, op('zeros')([1 << 20]))],
       [shared(), (x) => op('add', 'out')(op('zeros')([1 << 20]), make(1), 1, x)],
       [shared(), (x) => op('cat', 'out')([op('zeros')([1 << 20])], 0, x)],
       [make(1, 2, 3, 4), (x) => op('set_', 'source_Storage_storage_offset')(x, binding.storageOfTensor(shared()), 0, [1 << 28], [1])],
     ];
     for (const [x, run] of tries) { attempt(() => run(x)); read(op('sum')(x, 'float32')); if (binding.sizes(x)[0] !== 4) say(binding.sizes(x)); }
     say(busy());`,
    FINE,
  ],
  'buffers that are detached, of other realms, or shared': [
    `const { runInNewContext } = await import('node:vm');
     const detached = new Float32Array(4);
     structuredClone(detached.buffer, { transfer: [detached.buffer] });
     for (const name of ['fromBuffer', 'fromCopy']) {
       say(attempt(() => binding[name](detached, 'float32', [4], 0)), attempt(() => binding.sizes(binding[name](detached, 'float32', [0], 0))));
       say(attempt(() => read(binding[name](runInNewContext('new Float32Array([1, 2])'), 'float32', [2], 0))));
       say(attempt(() => binding[name](new SharedArrayBuffer(8), 'float32', [2], 0)));
     }
     say(binding.storageBytes(binding.storageFromCopy(detached)));`,
    ...Array.from({ length: 2 }, () => [
      '"RangeError: Expected a buffer of at least 16 bytes from offset 0, got one of 0 bytes" [0]',
      '[1,2]',
      '"TypeError: Expected a TypedArray, Buffer or ArrayBuffer for \\"data\\", got an object"',
    ]).flat(),
    '0',
  ],
  'memory of a tensor that a view of it gives away': [
    `const { setFlagsFromString } = await import('node:v8');
     const { runInNewContext } = await import('node:vm');
     setFlagsFromString('--expose-gc');
     let x = op('ones')([1 << 20]);
     let view = binding.storageView(binding.storageOfTensor(x));
     const y = binding.fromBuffer(new Float32Array(view), 'float32', [1 << 20], 0);
     binding.dispose(x); x = undefined;
     attempt(() => structuredClone(view, { transfer: [view] }));
     view = undefined;
     for (let i = 0; i < 5; i++) { runInNewContext('gc')(); await new Promise(setImmediate); op('zeros')([1 << 20]); }
     say(read(op('sum')(y, 'float32')));`,
    '[1048576]',
  ],
  'everything disposed twice, or under its users': [
    `const x = make(1, 2);
     const storage = binding.storageOfTensor(x);
     const range = binding.storageRange(storage, 0, 4);
     const generator = binding.makeGenerator('cpu');
     for (const handle of [storage, generator, storage, generator, {}, null, undefined, 5]) binding.dispose(handle);
     say(read(x), binding.storageBytes(range), attempt(() => binding.storageBytes(storage)), attempt(() => binding.generatorSeed(generator, 1)));
     binding.dispose(x); binding.dispose(x);
     say(attempt(() => binding.sizes(x)), read(binding.tensorFromStorage(range, 'float32', 0, [1], [1])));`,
    '[1,2] 4 "TorchError: A storage or generator was disposed. Use it before dispose() or the end of its scope()" "TorchError: A storage or generator was disposed. Use it before dispose() or the end of its scope()"',
    '"TorchError: Tensor was disposed. Use it before dispose() or the end of its scope(), or keep() it" [1]',
  ],
  'handles of the wrong kind': [
    `const handles = { tensor: make(1), storage: binding.storageOfTensor(make(1)), generator: binding.makeGenerator('cpu') };
     let refused = 0;
     for (const handle of Object.values(handles)) for (const use of [binding.sizes, binding.storageBytes, binding.generatorState, binding.streamDevice, binding.compiledStats, (h) => op('relu')(h), (h) => op('cat')([h], 0), (h) => op('set_', 'source_Storage')(make(1), h), (h) => op('rand', 'generator')([1], h)])
       try { use(handle); } catch (error) { if (error instanceof TypeError) refused++; }
     say(refused, busy());`,
    `18 ${FINE}`,
  ],
  'tampered prototypes and globals': [
    `const pair = make(1, 2);
     Object.defineProperty(Array.prototype, Symbol.iterator, { value: () => { throw new Error('no'); } });
     Object.defineProperty(Object.prototype, 'length', { get() { throw new Error('no'); }, set() {}, configurable: true });
     globalThis.ArrayBuffer = function () { throw new Error('no'); };
     globalThis.Error = undefined;
     const bytes = binding.readBytes(binding.fromCopy(Uint8Array.of(1, 2, 3), 'uint8', [3]));
     const chunks = op('chunk')(pair, 2);
     delete Object.prototype.length;
     console.log(bytes.byteLength, chunks.length);`,
    '3 2',
  ],
  'an error class that is broken': [
    `for (const broken of [undefined, 5, {}, class { constructor() { throw new Error('constructor'); } }, new Proxy(class {}, { construct() { throw new Error('proxy'); } }), () => {}]) {
       binding.setTorchError(broken, broken);
       attempt(() => op('add', 'Tensor')(make(1, 2), make(1, 2, 3)));
       try { op('add', 'Tensor')(make(1, 2), make(1, 2, 3)); say('none'); } catch {}
     }
     say(busy());`,
    FINE,
  ],
  'a warning handler that is none': [
    `for (const broken of [undefined, null, 5, {}, 'x', Symbol.iterator]) {
       try { binding.setWarningHandler(broken); } catch {}
       attempt(() => op('add', 'out')(make(1, 2), make(3, 4), 1, make(0)));
     }
     say(busy());`,
    FINE,
  ],
  'a stack trace that cannot be prepared': [
    `Error.prepareStackTrace = () => { throw new Error('no trace'); };
     Error.stackTraceLimit = 1e9;
     attempt(() => op('add', 'Tensor')(make(1, 2), make(1, 2, 3)));
     Error.stackTraceLimit = -1;
     attempt(() => op('zeros')({}));
     say(busy());`,
    FINE,
  ],
  'modes left and entered out of order': [
    `for (let i = 0; i < 100; i++) {
       binding.exitInferenceMode(); binding.exitAutocast();
       binding.enterInferenceMode(true); binding.enterAutocast('cpu', 'bfloat16', true, true);
       binding.exitInferenceMode(); binding.exitAutocast(); binding.exitAutocast();
     }
     say(binding.isInferenceModeEnabled(), binding.isAutocastEnabled('cpu'), busy());`,
    `false false ${FINE}`,
  ],
  'a binding that is loaded again': [
    `const { readdirSync } = await import('node:fs');
     const { createRequire } = await import('node:module');
     const loaded = (await import(dist + '/binding.js')).loadBinding();
     const path = Object.keys(createRequire(import.meta.url).cache).find((name) => name.endsWith('ibn_net.node'));
     const x = make(1, 2);
     for (let i = 0; i < 3; i++) (await import(dist + '/binding.js?' + i)).loadBinding();
     say(loaded.binding === binding, path === undefined || path.length > 0, read(x), busy());`,
    `true true [1,2] ${FINE}`,
  ],
  'twenty environments one after another, and eight at once': [
    `const { Worker } = await import('node:worker_threads');
     const start = () => new Promise((resolve, reject) => {
       const source = 'const { binding } = (await import("' + dist + '/binding.js")).loadBinding(); for (let i = 0; i < 50; i++) binding.getOp("aten::zeros", "")([i]);';
       new Worker(new URL('data:text/javascript,' + encodeURIComponent(source))).on('exit', resolve).on('error', reject);
     });
     for (let i = 0; i < 20; i++) await start();
     await Promise.all(Array.from({ length: 8 }, start));
     say(busy());`,
    FINE,
  ],
  'random numbers skipped beyond reason': [
    `say(attempt(() => binding.skipRandom(2 ** 52)), attempt(() => binding.skipRandom(-1)), busy());`,
    `"RangeError: Expected 0 to 17179869184 for \\"count\\", got 4503599627370496" "RangeError: Expected 0 to 17179869184 for \\"count\\", got -1" ${FINE}`,
  ],
  'files that are none': [
    `const tries = [() => binding.mapFile('/dev/zero'), () => binding.mapFile('.'), () => binding.mapFile('/dev/null\\0b'), () => binding.mapFile(''),
       () => binding.readStorages(-1, [0], [1]), () => binding.readStorages(0, [0], [2 ** 45]), () => binding.readStorages(0, [0, 1], [1]),
       () => binding.readStorages(0, [-1], [1]), () => binding.readStorages(0, [0], [-1]), () => binding.loadLibrary('/dev/null')];
     say(tries.map((run) => { try { run(); return 1; } catch (error) { return 0; } }).join(''), busy());`,
    `"0000000000" ${FINE}`,
  ],
  'a precision that libtorch does not know': [
    `say(attempt(() => binding.setFloat32MatmulPrecision('x'.repeat(1e5))), busy());`,
    `"RangeError: Expected \\"highest\\", \\"high\\" or \\"medium\\" for \\"precision\\"" ${FINE}`,
  ],
};

// process.exit in the midst of a native call, in the process and in a worker: [name, source].
const TRACE = `const FORWARD = 'def forward(self, x: Tensor):\\n    return self._traced_forward(x)\\n';
  const trace = (seal, write) => binding.traceTorchScript(
    'Net', ['w'], [make(5)], 1, [[make(1)]], 1, ['x'], ([x]) => [op('relu')(x)], seal, write);
`;

const exits: [string, string][] = [
  ['a getter of an argument', "op('add', 'Scalar')(make(1), trapped(1, () => process.exit(7)));"],
  ['a getter of a list', "op('cat')(trap([make(1), 0], 1, () => process.exit(7)), 0);"],
  [
    'a getter of a shape',
    "binding.fromBuffer(new Float32Array(1), 'float32', trap([1], 0, () => process.exit(7)), 0);",
  ],
  [
    'a warning handler',
    "process.emitWarning = () => process.exit(7); op('add', 'out')(make(1, 2), make(3, 4), 1, make(0));",
  ],
  [
    'a traced forward',
    "binding.traceTorchScript('Net', [], [], 0, [[make(1)]], 1, ['x'], () => process.exit(7), () => '', () => {});",
  ],
  ['the checks of a trace', `${TRACE}trace(() => process.exit(7), () => {});`],
  ['the writing of a trace', `${TRACE}trace(() => FORWARD, () => process.exit(7));`],
  [
    'an error class',
    "binding.setTorchError(class { constructor() { process.exit(7); } }, Error); op('add', 'Tensor')(make(1, 2), make(1, 2, 3));",
  ],
  ['a prepared stack trace', "Error.prepareStackTrace = () => process.exit(7); op('zeros')({});"],
  ['a promise of a copy', 'binding.copyToHost(make(1)).then(() => process.exit(7));'],
];

describe('attacks on the native surface', () => {
  it.each(Object.keys(cases))('%s', async (name) => {
    const [source, ...lines] = cases[name] as [string, ...string[]];
    await expectSaid(source, lines);
  });

  it.each(exits)('process.exit in %s', async (_, source) => {
    const { code, signal, stderr } = await runChild(PRELUDE + source);
    expect({ code, signal, stderr }).toEqual({ code: 7, signal: null, stderr: '' });
  });

  it('process.exit of workers in each of these places', async () => {
    const source = `${PRELUDE}
      const { Worker } = await import('node:worker_threads');
      const prelude = ${JSON.stringify(PRELUDE)};
      const codes = [];
      for (const source of ${JSON.stringify(exits.map(([, text]) => text))}) {
        const text = 'const dist = ' + JSON.stringify(dist) + ';' + prelude + source;
        const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(text)));
        codes.push(await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject)));
      }
      say([...new Set(codes)], busy());`;
    const { code, stdout, stderr } = await runChild(source);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `[7] ${FINE}\n`, stderr: '' });
  });

  it('workers that are terminated in getters, copies and traces', async () => {
    const bodies = [
      "for (;;) op('cat')(trap([make(1), 0], 1, () => make(2)), 0);",
      'for (;;) binding.copyToHost(make(1));',
      `${TRACE}for (;;) trace(() => FORWARD, () => {});`,
      "for (;;) attempt(() => op('add', 'Tensor')(make(1, 2), make(1, 2, 3)));",
      "for (;;) binding.fromBuffer(new Float32Array(1000), 'float32', [1000], 0);",
      "process.emitWarning = () => busy(); for (;;) op('add', 'out')(make(1, 2), make(3, 4), 1, make(0));",
    ];
    const source = `${PRELUDE}
      const { Worker } = await import('node:worker_threads');
      const prelude = ${JSON.stringify(PRELUDE)};
      for (const body of ${JSON.stringify(bodies)}) {
        for (let round = 0; round < 3; round++) {
          const text = 'const dist = ' + JSON.stringify(dist) + ';' + prelude + '(await import("node:worker_threads")).parentPort.postMessage(1);' + body;
          const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(text)));
          await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
          await new Promise((resolve) => setTimeout(resolve, 15 * round));
          await worker.terminate();
        }
      }
      say(busy());`;
    const { code, signal, stdout, stderr } = await runChild(source);
    expect({ code, signal, stdout, stderr }).toEqual({
      code: 0,
      signal: null,
      stdout: `${FINE}\n`,
      stderr: '',
    });
  });
});

const GARBAGE = `
  const { createServer } = await import('node:net');
  const disposed = make(1); binding.dispose(disposed);
  const detached = new Float32Array(4); structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const revoked = Proxy.revocable([], {}); revoked.revoke();
  const server = createServer().listen(0); server.unref();
  const foreign = server._handle?._externalStream ?? process.stdout._handle?._externalStream ?? null;
  const thrower = () => { throw new Error('mine'); };
  const pool = [
    undefined, null, true, false, 0, -0, 1, -1, 2, 3, 0.5, NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, -(2 ** 53), 1e308,
    0n, -1n, 2n ** 62n, 2n ** 63n, 2n ** 70n, '', 'x', 'cpu', 'cuda', 'cuda:99', 'meta', 'float32', 'qint8', 'aten::add', 'Tensor', '\\ud800', 'a\\0b', 'x'.repeat(1e5),
    Symbol('s'), {}, Object.create(null), [], [1], [1, 2, 3], [-1], [NaN], [[]], [undefined], ['x'], new Array(10), Object.freeze([1, 2]), new Proxy([1], {}), revoked.proxy,
    trap([1], 0, thrower), trap([1, 2], 1, busy), { get re() { throw new Error('mine'); }, im: 0 }, { re: 1, im: 2 }, { valueOf: thrower, toString: thrower, [Symbol.toPrimitive]: thrower },
    thrower, () => {}, class {}, new Date(), /x/, new Map(), new Uint8Array(8), new Float32Array(4), new DataView(new ArrayBuffer(8)), new ArrayBuffer(8), new SharedArrayBuffer(8), detached, Buffer.from('abc'),
    make(1, 2), make(), disposed, binding.storageOfTensor(make(1)), binding.makeGenerator('cpu'), foreign, [make(1)], [make(1), null], [disposed], globalThis, import.meta,
  ];
  const state = { seed: SEED };
  const next = (below) => { state.seed = (Math.imul(state.seed, 1664525) + 1013904223) >>> 0; return Math.floor((state.seed / 2 ** 32) * below); };`;

// Every one of them takes what may be the process's: threads, modes and the classes of errors.
const LAST = [
  'setNumThreads',
  'setTorchError',
  'setWarningHandler',
  'setGradEnabled',
  'enterInferenceMode',
  'enterAutocast',
];

describe('every function of the binding', () => {
  it.each([1, 2, 3])(
    'refuses garbage of every kind with an error: seed %i',
    async (seed) => {
      const source = `${PRELUDE}${GARBAGE.replace('SEED', String(seed))}
      // A FileStore's file is made where a text of the pool says.
      process.chdir(${JSON.stringify(tmp())});
      const functions = Object.entries(binding).filter(([, value]) => typeof value === 'function');
      const last = ${JSON.stringify(LAST)};
      let calls = 0;
      const attack = (name, fn) => {
        for (let round = 0; round < 250; round++) {
          const args = Array.from({ length: next(9) }, () => pool[next(pool.length)]);
          try { fn(...args); } catch (error) { if (!(error instanceof Error)) say(name, String(error)); }
          calls++;
        }
      };
      // skipRandom may take as long as it is told to; it has an attack of its own.
      for (const [name, fn] of functions) if (!last.includes(name) && name !== 'skipRandom') attack(name, fn);
      console.log(functions.length > 100, calls > 20000);
      say(busy());
      binding.setNumThreads(1);
      for (const [name, fn] of functions) if (last.includes(name) && name !== 'setNumThreads') attack(name, fn);
      process.exit(0);`;
      const { code, signal, stdout, stderr } = await runChild(source, {
        env: { NODE_NO_WARNINGS: '1' },
        timeout: 110_000,
      });
      expect({ code, signal, stderr, stdout }).toEqual({
        code: 0,
        signal: null,
        stderr: '',
        stdout: `true true\n${FINE}\n`,
      });
    },
    120_000,
  );
});

const headers = join(root, 'node_modules', 'node-api-headers', 'include');
const hasCompiler = spawnSync('cc', ['--version']).status === 0 && existsSync(headers);

describe.skipIf(!hasCompiler)("externals of another addon's", () => {
  it('are refused, the first handle of all among them, whatever their address', async () => {
    const module = join(tmp(), 'foreign.node');
    const source = join(root, 'test', 'native', 'foreign.c');
    const built = spawnSync('cc', ['-shared', '-fPIC', '-I', headers, '-o', module, source], {
      encoding: 'utf8',
    });
    expect(built.stderr).toBe('');
    await expectSaid(
      `const { createRequire } = await import('node:module');
       const { external } = createRequire(import.meta.url)('${module}');
       const addresses = [0, 1, 8, 128, 4096, 1 << 16, (1 << 18) - 128, 1 << 18, 2 ** 40, 2 ** 47 - 128];
       const uses = () => [binding.sizes, binding.storageBytes, binding.generatorState, binding.compiledStats, (h) => op('relu')(h), (h) => op('cat')([h], 0)];
       const refusedBy = (handle) => uses().filter((use) => { try { use(handle); return false; } catch (error) { return error instanceof TypeError; } }).length;
       say(addresses.map((address) => refusedBy(external(address))));
       binding.dispose(external(0)); binding.dispose(external(128));
       make(1);
       say(addresses.map((address) => refusedBy(external(address))), binding.isDisposed(external(128)), busy());`,
      ['[6,6,6,6,6,6,6,6,6,6]', `[6,6,6,6,6,6,6,6,6,6] true ${FINE}`],
      { layer: false },
    );
  });
});
