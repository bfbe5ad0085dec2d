import { describe, it } from 'vitest';
import { expectSaid } from './attack.ts';

// JavaScript that runs while native code reads its arguments, by name: what the child does, and what it must say.
const cases: Record<string, [source: string, ...lines: string[]]> = {
  'an op in the getter of a number keeps out of the other call': [
    `const sum = op('add', 'Scalar')(make(1, 2), trapped(10, busy));
     say(read(sum));`,
    '[11,0,12,0]',
  ],
  'an op in the getter of a size keeps out of the other call': [
    `const x = op('expand')(make(5), trap([0], 0, () => { busy(); return 3; }));
     say(read(op('clone')(x, 'contiguous_format')));`,
    '[5,5,5]',
  ],
  'an op in the getter of a list item keeps out of the other call': [
    `say(read(op('cat')(trap([make(1), 0, make(3)], 1, () => { busy(); return make(2); }), 0)));`,
    '[1,2,3]',
  ],
  'calls within calls a hundred deep each keep their operands': [
    `const nest = (depth) => op('add', 'Scalar')(make(depth), trapped(1, () => depth > 0 && found.push(read(nest(depth - 1))[0])));
     const found = [];
     nest(100);
     say(found.length, found.every((value, i) => value === i + 1));`,
    '100 true',
  ],
  'endless calls within calls end in a RangeError': [
    `const nest = () => op('add', 'Scalar')(make(1), trapped(1, nest));
     say(attempt(nest), busy());`,
    '"RangeError: Maximum call stack size exceeded" [77,88,99]',
  ],
  'a warning handler may call ops': [
    `const out = () => op('add', 'out')(make(1, 2), make(3, 4), 1, make(0));
     process.emitWarning = () => { seen++; busy(); };
     let seen = 0;
     out();
     say(read(op('mul', 'Tensor')(make(2, 3), make(4, 5))), seen > 0);`,
    '[8,15] true',
  ],
  'a warning handler may throw, and the next call works': [
    `process.emitWarning = () => { throw new Error('thrown by the handler'); };
     say(attempt(() => op('add', 'out')(make(1, 2), make(3, 4), 1, make(0))), busy());`,
    '"Error: thrown by the handler" [77,88,99]',
  ],
  'a warning handler may cause warnings itself': [
    `const out = () => op('add', 'out')(make(1, 2), make(3, 4), 1, make(0));
     let depth = 0;
     process.emitWarning = () => { if (depth++ < 50) out(); };
     out();
     say(depth, busy());`,
    '51 [77,88,99]',
  ],
  'a getter that disposes an operand does not take it from the call': [
    `const x = make(1, 2);
     say(read(op('add', 'Scalar')(x, trapped(1, () => binding.dispose(x)))), binding.isDisposed(x));`,
    '[2,0,3,0] true',
  ],
  'a getter that disposes the tensors of its list does not take them from the call': [
    `const parts = [make(1), make(2)];
     say(read(op('cat')(trap([...parts, 0], 2, () => { parts.forEach(binding.dispose); return make(3); }), 0)));
     say(attempt(() => op('cat')(trap([parts[0], make(1)], 1, () => make(3)), 0)).slice(0, 34));`,
    '[1,2,3]',
    '"TorchError: Tensor was disposed. U"',
  ],
  'a getter that shrinks or grows its array is met with an error or a value': [
    `const shrinking = trap([2, 2, 2], 0, () => { shrinking.length = 1; return 2; });
     const growing = trap([2, 2], 0, () => { for (let i = 0; i < 1000; i++) growing.push(2); return 2; });
     say(attempt(() => op('zeros')(shrinking)));
     say(attempt(() => binding.sizes(op('zeros')(growing))));`,
    '"TypeError: Expected an integer for aten::zeros argument \\"size\\", got undefined"',
    '[2,2]',
  ],
  'a getter that throws in the midst leaves the next call whole': [
    `for (let i = 0; i < 100; i++) {
       attempt(() => op('cat')(trap([make(1), 0], 1, () => { busy(); throw new Error('mine'); }), 0));
     }
     say(attempt(() => op('zeros')(trap([1], 0, () => { throw new Error('mine'); }))), busy());`,
    '"Error: mine" [77,88,99]',
  ],
  'a getter that transfers the buffer gives an error, not the memory': [
    `const transfer = (array) => structuredClone(array.buffer, { transfer: [array.buffer] });
     for (const name of ['fromBuffer', 'fromCopy']) {
       const array = new Float32Array(1000).fill(1);
       const shape = trap([1000], 0, () => { transfer(array); return 1000; });
       say(attempt(() => binding[name](array, 'float32', shape, 0)));
     }`,
    '"RangeError: Expected a buffer of at least 4000 bytes from offset 0, got one of 0 bytes"',
    '"RangeError: Expected a buffer of at least 4000 bytes from offset 0, got one of 0 bytes"',
  ],
  'a getter that disposes a storage does not take it from a view': [
    `const storage = binding.storageFromCopy(new Uint8Array(new Float32Array([1, 2, 3]).buffer));
     const size = trap([3], 0, () => { binding.dispose(storage); return 3; });
     say(read(binding.tensorFromStorage(storage, 'float32', 0, size, [1])));`,
    '[1,2,3]',
  ],
  'a getter that resizes the tensor of a storage meets a storage of fixed size': [
    `const x = op('zeros')([4]);
     const storage = binding.storageOfTensor(x);
     const size = trap([4], 0, () => { attempt(() => op('resize_')(x, [1 << 20])); return 4; });
     const view = binding.tensorFromStorage(storage, 'float32', 0, size, [1]);
     busy();
     say(read(view), binding.sizes(x));`,
    '[0,0,0,0] [4]',
  ],
  'a getter that disposes tensors does not take them from backward or copies': [
    `const x = op('ones')([2]);
     binding.setRequiresGrad(x, true);
     const y = op('sum')(x, 'float32');
     binding.backward(trap([0], 0, () => y), trap([0], 0, () => { binding.dispose(y); return null; }), false, false, []);
     say(read(binding.grad(x)));
     const targets = [make(0), make(0)];
     const held = op('alias')(targets[0]);
     const sources = trap([make(7), 0], 1, () => { targets.forEach(binding.dispose); return make(8); });
     say(attempt(() => binding.copyTensors(targets, sources)).slice(0, 28), read(held));
     busy();`,
    '[1,1]',
    '[] [7]',
  ],
  'objects that convert to numbers are refused and not asked': [
    `let asked = 0;
     const convertible = { [Symbol.toPrimitive]: () => { asked++; return 3; }, valueOf: () => { asked++; return 3; } };
     for (const value of [convertible, new Proxy([2], {}), new Number(3), new Proxy(make, {})]) {
       attempt(() => op('zeros')([value]));
       attempt(() => op('zeros')(value));
       attempt(() => op('add', 'Scalar')(make(1), value));
       attempt(() => binding.fromCopy(new Uint8Array(4), value, value));
     }
     say(asked, busy());`,
    '0 [77,88,99]',
  ],
  'setters of tampered prototypes run while results and errors are made': [
    `let seen = 0;
     let inside = false;
     const set = () => {
       seen++;
       if (inside) return;
       inside = true;
       op('add', 'Tensor')(make(70, 80, 90), make(7, 8, 9));
       inside = false;
     };
     const hook = { set, configurable: true };
     Object.defineProperty(Array.prototype, 0, hook);
     Object.defineProperty(Object.prototype, 'code', hook);
     const chunks = op('chunk')(make(1, 2, 3, 4), 2);
     attempt(() => op('add', 'Tensor')(make(1, 2), make(1, 2, 3)));
     delete Array.prototype[0];
     delete Object.prototype.code;
     say(chunks.length, read(chunks[1]), seen > 0);`,
    '2 [3,4] true',
  ],
  'a stack trace may be prepared by code that calls ops': [
    `Error.prepareStackTrace = (error) => { busy(); return error.message; };
     const error = attempt(() => op('add', 'Tensor')(make(1, 2), make(1, 2, 3)));
     say(error.slice(0, 30), busy());`,
    '"TorchError: aten::add.Tensor: " [77,88,99]',
  ],
  'a tracer whose forward traces, differentiates, disposes or throws': [
    `const source = 'def forward(self, x: Tensor):\\n    return self._traced_forward(x)\\n';
     const trace = (forward, samples = [[make(1, 2)]]) => {
       let size = 0;
       const write = (bytes) => { size += bytes.length; };
       const seal = (taken) => { busy(); return taken === samples.length ? source : 'not python'; };
       const result = attempt(() => binding.traceTorchScript('Net', [], [], 0, samples, 1, ['x'], forward, seal, write));
       return result ?? size > 1000;
     };
     const relu = op('relu');
     const fine = ([x]) => [relu(x)];
     say(trace(fine));
     say(typeof trace(([x]) => { trace(fine); busy(); return [relu(x)]; }));
     say(typeof trace(([x]) => { const y = relu(x); binding.dispose(x); return [y]; }));
     say(trace(() => { throw new Error('mine'); }), typeof trace(() => 5), typeof trace(() => [5]), typeof trace(() => {}));
     say(trace(fine, [[make(1)], [make(2)]]), trace(fine, [[make(1)], [{}]]), trace(fine), busy());`,
    'true',
    '"boolean"',
    '"boolean"',
    '"Error: mine" "string" "string" "string"',
    'true "TypeError: Expected a Tensor" true [77,88,99]',
  ],
  'finalizers of JavaScript may call ops while native calls collect garbage': [
    `let runs = 0;
     const registry = new FinalizationRegistry(() => { runs++; busy(); });
     for (let round = 0; round < 20; round++) {
       for (let i = 0; i < 50; i++) registry.register(make(i), i);
       for (let i = 0; i < 20; i++) op('zeros')([1 << 22]);
       await new Promise((resolve) => setImmediate(resolve));
     }
     say(runs > 0, busy());`,
    'true [77,88,99]',
  ],
};

describe('JavaScript that runs inside a native call', () => {
  it.each(Object.keys(cases))('%s', async (name) => {
    const [source, ...lines] = cases[name] as [string, ...string[]];
    await expectSaid(source, lines);
  });
});
