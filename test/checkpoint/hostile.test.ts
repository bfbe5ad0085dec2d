import { describe, expect, it } from 'vitest';
import { InertObject } from '../../lib/checkpoint/inert.ts';
import { OPCODES as OP } from '../../lib/checkpoint/pickle/opcodes.ts';
import { CheckpointError } from '../../lib/errors.ts';
import { fixtureBytes, readFake } from './fake-backend.ts';
import {
  assemble,
  call,
  dict,
  global,
  int,
  legacyCheckpoint,
  list,
  long,
  type Piece,
  pickle,
  storage,
  tensor,
  text,
  tuple,
  u32,
  u64,
  zip,
  zipCheckpoint,
} from './forge.ts';

/** The error of reading bytes, which must be a CheckpointError. */
function failure(bytes: Uint8Array, name = 'file.pth'): CheckpointError {
  try {
    readFake(bytes, name);
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
  throw new Error('expected a CheckpointError, but the file was read');
}

/** The messages for one hostile object in both formats; positions differ, so they are left out. */
function messages(object: Piece): string[] {
  const files = [zipCheckpoint(object), legacyCheckpoint(object, [['0', 4, Buffer.alloc(16)]])];
  return [...new Set(files.map((file) => failure(file).message.replace(/near byte \d+/, 'near byte N')))];
}

/** The same for objects without tensors. */
function plainMessages(object: Piece): string[] {
  return [...new Set([zipCheckpoint(object), legacyCheckpoint(object)].map((file) => failure(file).message))];
}

describe('checkpoints never execute what a file says', () => {
  const exec: readonly (readonly [string, string])[] = [
    ['os', 'system'],
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['__builtin__', 'eval'],
    ['builtins', 'getattr'],
    ['subprocess', 'check_output'],
    ['torch.storage', '_load_from_bytes'],
    ['torch', 'load'],
    ['torch.hub', 'load'],
    ['nt', 'system'],
    ['sys', 'settrace'],
    ['builtins', 'exec'],
    ['builtins', 'compile'],
    ['builtins', 'open'],
    ['builtins', '__import__'],
    ['__builtin__', 'execfile'],
    ['subprocess', 'Popen'],
    ['commands', 'getoutput'],
    ['runpy', 'run_path'],
    ['importlib', 'import_module'],
    ['importlib.util', 'spec_from_file_location'],
    ['pickle', 'loads'],
    ['_pickle', 'loads'],
    ['cPickle', 'loads'],
    ['marshal', 'loads'],
    ['shutil', 'rmtree'],
    ['socket', 'create_connection'],
    ['webbrowser', 'open'],
    ['ctypes', 'CDLL'],
    ['code', 'interact'],
    ['pty', 'spawn'],
    ['asyncio.subprocess', 'create_subprocess_shell'],
    ['operator', 'attrgetter'],
    ['_operator', 'methodcaller'],
    ['functools', 'reduce'],
    ['types', 'FunctionType'],
    ['types', 'CodeType'],
    ['torch.serialization', 'load'],
    ['torch.jit', 'load'],
    ['torch.package', 'PackageImporter'],
    ['torch.utils.cpp_extension', 'load_inline'],
    ['torch.ops', 'load_library'],
    ['numpy', 'load'],
    ['numpy', 'fromfile'],
    ['pandas', 'read_pickle'],
    ['pathlib', 'Path.write_text'],
    ['io', 'open'],
    ['urllib.request', 'urlopen'],
    ['torch.jit._serialization', 'load'],
    ['torch._ops', '_Ops.load_library'],
    ['torch', 'serialization.os.system'],
    ['mypackage', 'Net.__init__.__globals__'],
    ['mypackage', '__builtins__'],
  ];

  it.each(exec)('%s.%s is blocked before it is called', (module, name) => {
    const expected = `file.pth: blocked global "${module}.${name}"; only tensor data is read from checkpoints`;
    expect(messages(call(global(module, name), text('id')))).toEqual([expected]);
  });

  it('the error has the code, the path, and the key at which the global lies', () => {
    const inner = dict(text('lr'), int(1), text('hook'), call(global('os', 'system'), text('id')));
    const error = failure(zipCheckpoint(dict(text('epoch'), int(3), text('optimizer'), inner)));
    expect(error).toMatchObject({
      code: 'ERR_CHECKPOINT_BLOCKED_GLOBAL',
      path: '/models/file.pth',
      key: 'optimizer.hook',
      message:
        'file.pth: blocked global "os.system" at "optimizer.hook"; only tensor data is read from checkpoints',
    });
  });

  it.each([
    [[]],
    [[global('os', 'system'), text('a'), text('b')]],
    [[dict(), text('a')]],
    [[global('collections', 'OrderedDict'), text('fromkeys')]],
    [[global('mypackage', 'Net'), text('__init__')]],
    [[global('mypackage', 'Net'), text('x.y')]],
  ])('builtins.getattr is blocked but for a member of a class (%#)', (args) => {
    const [message] = messages(call(global('builtins', 'getattr'), ...args));
    expect(message).toMatch(/^file.pth: blocked global "(os.system|builtins.getattr)"/);
  });

  it('globals by STACK_GLOBAL and INST are blocked too', () => {
    const expected = ['file.pth: blocked global "os.system"; only tensor data is read from checkpoints'];
    expect(messages([text('os'), text('system'), OP.STACK_GLOBAL])).toEqual(expected);
    expect(messages([OP.MARK, text('id'), OP.INST, Buffer.from('os\nsystem\n')])).toEqual(expected);
  });

  it('a dotted name does not reach attributes of an allowed global', () => {
    const dotted = [text('collections'), text('OrderedDict.fromkeys'), OP.STACK_GLOBAL];
    const value = readFake(zipCheckpoint(call(dotted, text('ab'))));
    expect(value).toBeInstanceOf(InertObject);
    expect(value).toMatchObject({ className: 'collections.OrderedDict.fromkeys', args: ['ab'] });
  });

  it('the name of a blocked global cannot write control characters or much text into the message', () => {
    const [message] = messages(global('os', `\u001b[31m${'x'.repeat(500)}`));
    expect(message).toHaveLength(
      'file.pth: blocked global ""; only tensor data is read from checkpoints'.length + 120,
    );
    expect(message).not.toContain('\u001b');
  });

  it.each([
    ['a string', text('x'), 'file.pth: invalid pickle near byte N: "x" cannot be called'],
    ['a number', int(3), 'file.pth: invalid pickle near byte N: 3 cannot be called'],
    [
      'a storage class',
      global('torch', 'FloatStorage'),
      'file.pth: invalid pickle near byte N: Global cannot be called',
    ],
    ['a dtype', global('torch', 'float32'), 'file.pth: invalid pickle near byte N: DType cannot be called'],
  ])('REDUCE on %s fails', (_, callee, expected) => {
    expect(messages(call(callee as Piece))).toEqual([expected]);
  });

  it.each([
    ['NEXT_BUFFER', [OP.NEXT_BUFFER]],
    ['PERSID', [OP.PERSID, Buffer.from('x\n')]],
  ] as [string, Piece][])('opcode %s is refused', (name, piece) => {
    expect(messages(piece)).toEqual([
      `file.pth: invalid pickle near byte N: opcode ${name} has no place in a checkpoint`,
    ]);
  });

  it('an unknown opcode is refused by its number', () => {
    expect(messages([0xfe])).toEqual([
      'file.pth: invalid pickle near byte N: opcode 0xfe has no place in a checkpoint',
    ]);
  });

  it('BUILD sets no attributes on anything but an OrderedDict', () => {
    expect(messages([dict(), dict(text('a'), int(1)), OP.BUILD])).toEqual([
      'file.pth: invalid pickle near byte N: Dict takes no state',
    ]);
  });

  it('getattr left as a value is refused', () => {
    expect(plainMessages(dict(text('cls'), global('builtins', 'getattr')))).toEqual([
      'file.pth: blocked global "builtins.getattr" at "cls"; only tensor data is read from checkpoints',
    ]);
  });

  it('"__proto__" and "constructor" are keys like any other and change no prototype', () => {
    const object = dict(text('__proto__'), dict(text('polluted'), int(1)), text('constructor'), int(2));
    const value = readFake(zipCheckpoint(object)) as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('every number in a checkpoint is checked', () => {
  const tensorCases: readonly (readonly [string, Piece, string])[] = [
    [
      'a size past the storage',
      tensor(storage(int(4)), int(0), tuple(int(5)), tuple(int(1))),
      'a tensor (size [5], stride [1], offset 0) reaches past its storage of 4 elements',
    ],
    [
      'an offset past the storage',
      tensor(storage(int(4)), int(4), tuple(int(1)), tuple(int(1))),
      'a tensor (size [1], stride [1], offset 4) reaches past its storage of 4 elements',
    ],
    [
      'an offset past the storage on an empty tensor',
      tensor(storage(int(4)), int(5), tuple(int(0)), tuple(int(1))),
      'a tensor (size [0], stride [1], offset 5) reaches past its storage of 4 elements',
    ],
    [
      'a stride past the storage',
      tensor(storage(int(4)), int(0), tuple(int(2), int(2)), tuple(int(3), int(1))),
      'a tensor (size [2, 2], stride [3, 1], offset 0) reaches past its storage of 4 elements',
    ],
    [
      'a huge stride',
      tensor(storage(int(4)), int(0), tuple(int(3)), tuple(long(2n ** 52n))),
      'a tensor (size [3], stride [4503599627370496], offset 0) reaches past its storage of 4 elements',
    ],
    [
      'a size beyond all counting',
      tensor(storage(int(4)), int(0), tuple(long(2n ** 40n), long(2n ** 40n)), tuple(int(0), int(0))),
      'a tensor of size [1099511627776, 1099511627776]',
    ],
    [
      'a negative offset',
      tensor(storage(int(4)), int(-1), tuple(int(1)), tuple(int(1))),
      'invalid pickle near byte N: expected a non-negative integer for a storage offset, got -1',
    ],
    [
      'a negative stride',
      tensor(storage(int(4)), int(3), tuple(int(4)), tuple(int(-1))),
      'invalid pickle near byte N: expected a non-negative integer for a tensor stride, got -1',
    ],
    [
      'a negative size',
      tensor(storage(int(4)), int(0), tuple(int(-4)), tuple(int(1))),
      'invalid pickle near byte N: expected a non-negative integer for a tensor size, got -4',
    ],
    [
      'a size that is no integer',
      tensor(
        storage(int(4)),
        int(0),
        tuple([OP.BINFLOAT, Buffer.from('3ff8000000000000', 'hex')]),
        tuple(int(1)),
      ),
      'invalid pickle near byte N: expected a non-negative integer for a tensor size, got 1.5',
    ],
    [
      'a size beyond 2^53',
      tensor(storage(int(4)), int(0), tuple(long(2n ** 60n)), tuple(int(0))),
      'invalid pickle near byte N: expected a non-negative integer for a tensor size, got 1152921504606846976',
    ],
    [
      'more strides than sizes',
      tensor(storage(int(4)), int(0), tuple(int(4)), tuple(int(1), int(1))),
      'invalid pickle near byte N: expected 1 strides for a tensor, got 2',
    ],
    [
      'more dimensions than torch has',
      tensor(storage(int(4)), int(0), tuple(...Array(65).fill(int(1))), tuple(...Array(65).fill(int(1)))),
      'invalid pickle near byte N: expected at most 64 numbers for a tensor size, got 65',
    ],
    [
      'a list for a storage',
      tensor(list(), int(0), tuple(), tuple()),
      'invalid pickle near byte N: expected a storage for a tensor, got list',
    ],
    [
      'requires_grad on integers',
      tensor(storage(int(2), { type: 'LongStorage' }), int(0), tuple(int(2)), tuple(int(1)), OP.NEWTRUE),
      'invalid pickle near byte N: requires_grad on a tensor of int64',
    ],
    [
      'a storage view that begins outside its storage',
      tensor(
        storage(int(4), { view: tuple(text('1'), int(3), int(2)) }),
        int(0),
        tuple(int(2)),
        tuple(int(1)),
      ),
      'a storage view outside its storage',
    ],
    [
      'a tensor outside its storage view',
      tensor(
        storage(int(4), { view: tuple(text('1'), int(2), int(2)) }),
        int(0),
        tuple(int(3)),
        tuple(int(1)),
      ),
      'a tensor (size [3], stride [1], offset 0) reaches past its storage of 2 elements',
    ],
  ];

  it.each(tensorCases)('%s', (_, object, expected) => {
    expect(messages(object)).toEqual([`file.pth: ${expected}`]);
  });

  it('names the key of a tensor that does not fit', () => {
    const bad = tensor(storage(int(4)), int(0), tuple(int(5)), tuple(int(1)));
    const error = failure(zipCheckpoint(dict(text('state_dict'), dict(text('fc.weight'), bad))));
    expect(error.key).toBe('state_dict.fc.weight');
    expect(error.message).toBe(
      'file.pth: a tensor (size [5], stride [1], offset 0) reaches past its storage of 4 elements at "state_dict.fc.weight"',
    );
  });

  it('a storage must have the announced size', () => {
    const object = dict(text('w'), tensor(storage(int(5)), int(0), tuple(int(1)), tuple(int(1))));
    const expected = 'file.pth: storage "0" has 16 bytes where 20 were announced at "w"';
    expect(failure(zipCheckpoint(object)).message).toBe(expected);
    expect(failure(legacyCheckpoint(object, [['0', 4, Buffer.alloc(16)]])).message).toBe(expected);
  });

  it('a storage must be in the file', () => {
    const object = tensor(storage(int(4), { key: 'gone' }), int(0), tuple(int(1)), tuple(int(1)));
    expect(failure(zipCheckpoint(object)).message).toBe('file.pth: storage "gone" is not in the file');
    expect(failure(legacyCheckpoint(object)).message).toBe('file.pth: storage "gone" is not in the file');
  });

  it('a storage key cannot leave its folder', () => {
    const object = tensor(storage(int(4), { key: '../data.pkl' }), int(0), tuple(int(1)), tuple(int(1)));
    expect(failure(zipCheckpoint(object)).message).toBe('file.pth: storage "../data.pkl" is not in the file');
  });

  it.each([
    ['negative', -1n, 'cut off: 18446744073709551615 bytes expected at byte'],
    ['huge', 2n ** 50n, 'cut off: storage "0" has 4503599627370496 bytes from byte'],
    ['one too many', 5n, 'cut off: storage "0" has 20 bytes from byte'],
  ])('a %s length before a legacy storage is refused', (_, numel, expected) => {
    const object = tensor(storage(int(4)), int(0), tuple(int(4)), tuple(int(1)));
    expect(failure(legacyCheckpoint(object, [['0', numel, Buffer.alloc(16)]])).message).toContain(expected);
  });

  it('legacy storages that nothing refers to, or listed twice, are refused', () => {
    const object = tensor(storage(int(4)), int(0), tuple(int(4)), tuple(int(1)));
    const entry = ['0', 4, Buffer.alloc(16)] as const;
    expect(failure(legacyCheckpoint(object, [entry, entry])).message).toBe('file.pth: stray storage "0"');
    expect(failure(legacyCheckpoint(object, [entry, ['7', 0, Buffer.alloc(0)]])).message).toBe(
      'file.pth: stray storage "7"',
    );
  });
});

describe('no bombs', () => {
  const lengths: readonly (readonly [string, Piece, string])[] = [
    ['text', [OP.BINUNICODE, u32(0x03ffffff)], 'file.pth: cut off: 67108863 bytes expected at byte'],
    ['text beyond the limit', [OP.BINUNICODE, u32(0xfffffff0)], 'a text or bytes object of 4294967280 bytes'],
    ['text of 2^63 bytes', [OP.BINUNICODE8, u64(2n ** 63n)], '9223372036854775808 bytes expected at byte'],
    ['bytes', [OP.BINBYTES8, u64(2n ** 40n)], 'a text or bytes object of 1099511627776 bytes'],
    ['a Python 2 string', [OP.BINSTRING, u32(0x80000000)], 'a text or bytes object of -2147483648 bytes'],
    ['a frame', [OP.FRAME, u64(1 << 30)], 'a frame of 1073741824 bytes does not fit the file'],
    ['an integer', [OP.LONG4, u32(1 << 30)], 'an integer of 1073741824 bytes'],
    ['a decimal integer', [OP.LONG, Buffer.from(`${'9'.repeat(5000)}L\n`)], 'an integer that is not one'],
    ['a line', [OP.UNICODE, Buffer.alloc(100_000, 'a')], 'a line expected at byte'],
  ];

  it.each(lengths)('%s of a length that is not there allocates nothing', (_, object, expected) => {
    const before = process.memoryUsage().rss;
    for (const file of [zipCheckpoint(object), legacyCheckpoint(object)]) {
      expect(failure(file).message).toContain(expected);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
  });

  it('doubling through the memo stays linear', () => {
    const levels = Array.from({ length: 200 }, (_, index) => [
      [OP.BINGET, index, OP.BINGET, index, OP.TUPLE2, OP.BINPUT, index + 1],
    ]);
    const bomb = [list(), OP.BINPUT, 0, OP.POP, levels.map((level) => [level, OP.POP]), OP.BINGET, 200];
    let value = readFake(zipCheckpoint(bomb)) as unknown[];
    for (let depth = 0; depth < 200; depth++) value = value[0] as unknown[];
    expect(value).toEqual([]);
  });

  it('deep nesting is refused and overflows no stack', () => {
    const deep = [list(), Buffer.alloc(100_000, OP.TUPLE1)];
    expect(plainMessages(deep)).toEqual([
      expect.stringMatching(/^file.pth: nested more than 500 levels deep/),
    ]);
  });

  it('millions of objects without an end are refused', () => {
    const file = zipCheckpoint([OP.MARK, Buffer.alloc(17_000_000, OP.MARK), OP.LIST]);
    expect(failure(file).message).toBe('file.pth: more objects than a checkpoint has');
  });

  it('many calls that copy one large argument are refused', () => {
    const items = list(...Array(2000).fill(OP.NONE));
    const calls = Array(5000).fill([OP.BINGET, 0, OP.BINGET, 1, OP.TUPLE1, OP.REDUCE, OP.POP]);
    const bomb = [
      global('builtins', 'set'),
      OP.BINPUT,
      0,
      items,
      OP.BINPUT,
      1,
      OP.POP,
      OP.POP,
      calls,
      OP.NONE,
    ];
    expect(messages(bomb)).toEqual(['file.pth: more objects than a checkpoint has']);
  });

  it('a list that holds itself 20,000 times passes for no storage keys and no protocol', () => {
    const magic = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
    const bomb = pickle(OP.EMPTY_LIST, Buffer.from('2a'.repeat(20_000)));
    const start = performance.now();
    const keys = assemble(magic, pickle(int(1001)), pickle(dict()), pickle(dict()), bomb);
    expect(failure(keys).message).toBe('file.pth: expected a storage key, got list');
    expect(failure(assemble(magic, bomb)).message).toBe('file.pth: expected legacy protocol 1001, got list');
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it('rebuild functions do not nest without end', () => {
    const rebuild = global('torch._tensor', '_rebuild_from_type_v2');
    const type = global('torch', 'Tensor');
    expect(messages(call(rebuild, rebuild, type, tuple(rebuild, type, tuple(), OP.NONE), OP.NONE))).toEqual([
      "file.pth: invalid pickle near byte N: expected a tensor's rebuild function, got Global",
    ]);
  });
});

describe('broken files', () => {
  const files = [
    'parameters.zip.pth',
    'parameters.legacy.pth',
    'views.pth',
    'python2.pth',
    'values.legacy.pth',
  ];

  it.each(files)('every prefix of %s is a CheckpointError', (name) => {
    const whole = fixtureBytes(name);
    for (let length = 0; length < whole.length; length++) {
      expect(failure(whole.subarray(0, length)).code).toMatch(/^ERR_CHECKPOINT_(CORRUPT|UNSUPPORTED)$/);
    }
  });

  it('an empty file', () => {
    expect(failure(Buffer.alloc(0)).message).toBe('file.pth: the file is empty');
  });

  it('bytes that are nothing', () => {
    expect(failure(Buffer.from('hello, world')).message).toBe('file.pth: not a PyTorch checkpoint');
  });

  it('a zip file that was cut off says so', () => {
    const whole = fixtureBytes('geometry.zip.pth');
    expect(failure(whole.subarray(0, 2000)).message).toBe(
      'file.pth: the zip archive has no end; the file is cut off, download or copy it again',
    );
  });

  it.each([
    ['values left over', [OP.NONE, OP.NONE], 'values left over at the end'],
    ['a stack underflow', [OP.TUPLE2], 'the stack is too short'],
    ['a pop through a mark', [OP.NONE, OP.MARK, OP.TUPLE1], 'the stack is too short'],
    ['no mark', [OP.TUPLE], 'no mark on the stack'],
    ['an unknown memo', [OP.BINGET, 9], 'memo 9 was never stored'],
    ['a key without a value', [OP.EMPTY_DICT, OP.MARK, text('a'), OP.SETITEMS], 'a key without a value'],
    ['appending to a dict', [OP.EMPTY_DICT, OP.NONE, OP.APPEND], 'expected a list to append to, got Dict'],
    ['protocol 9', [OP.PROTO, 9], 'pickle protocol 9 is not known'],
    ['text that is not UTF-8', [OP.BINUNICODE, u32(1), 0xff], 'text that is not UTF-8'],
    [
      'a persistent id of another kind',
      [text('x'), OP.BINPERSID],
      'expected a tuple for a persistent id, got "x"',
    ],
  ] as [string, Piece, string][])('%s', (_, object, expected) => {
    expect(messages(object)).toEqual([expect.stringContaining(`invalid pickle near byte N: ${expected}`)]);
  });

  it('a legacy file of another protocol', () => {
    const bytes = assemble(Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex'), pickle(int(1002)));
    expect(failure(bytes).message).toBe('file.pth: expected legacy protocol 1001, got 1002');
  });

  it('an unknown byte order', () => {
    const bytes = zip({ 'a/data.pkl': pickle(OP.NONE), 'a/byteorder': Buffer.from('middle') });
    expect(failure(bytes).message).toBe('file.pth: unknown byte order "middle"');
  });
});
