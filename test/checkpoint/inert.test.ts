import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { InertGlobal, InertObject } from '../../lib/checkpoint/inert.ts';
import { OPCODES as OP } from '../../lib/checkpoint/pickle/opcodes.ts';
import { save } from '../../lib/checkpoint/save.ts';
import { CheckpointError } from '../../lib/errors.ts';
import { tmp } from '../helpers/files.ts';
import { FakeTensor, readFake } from './fake-backend.ts';
import {
  call,
  dict,
  global,
  int,
  legacyCheckpoint,
  list,
  type Piece,
  storage,
  tensor,
  text,
  tuple,
  zipCheckpoint,
} from './forge.ts';

const weight = tensor(storage(int(4)), int(0), tuple(int(4)), tuple(int(1)));
const hook = [call(global('mypackage.hooks', 'Clip'), int(2)), dict(text('max_norm'), int(5)), OP.BUILD];

const both = (object: Piece) => [
  zipCheckpoint(object),
  legacyCheckpoint(object, [['0', 4, Buffer.alloc(16)]]),
];

describe('objects of unknown classes', () => {
  it('are described, and everything beside them is read', () => {
    for (const file of both(dict(text('w'), weight, text('hook'), hook, text('epoch'), int(3)))) {
      const value = readFake(file) as Record<string, unknown>;
      expect(value.w).toBeInstanceOf(FakeTensor);
      expect(value.epoch).toBe(3);
      expect(value.hook).toBeInstanceOf(InertObject);
      expect(value.hook).toMatchObject({ className: 'mypackage.hooks.Clip', args: [2] });
      expect((value.hook as InertObject).state).toEqual(Object.assign(Object.create(null), { max_norm: 5 }));
    }
  });

  it('are frozen, have no prototype to reach and print themselves', () => {
    const value = readFake(zipCheckpoint(hook)) as InertObject;
    expect(Object.isFrozen(value) && Object.isFrozen(value.args)).toBe(true);
    expect(inspect(value)).toBe('mypackage.hooks.Clip(2) [Object: null prototype] { max_norm: 5 }');
    expect(inspect({ a: { b: { c: value } } })).toContain('[mypackage.hooks.Clip]');
  });

  it('are described however the pickle makes them', () => {
    const made = { className: 'pkg.A', args: [1, 'x'] };
    const name = Buffer.from('pkg\nA\n');
    const [callee, args] = [global('pkg', 'A'), tuple(int(1), text('x'))];
    expect(readFake(zipCheckpoint([callee, args, OP.REDUCE]))).toMatchObject(made);
    expect(readFake(zipCheckpoint([callee, args, OP.NEWOBJ]))).toMatchObject(made);
    expect(readFake(zipCheckpoint([callee, args, dict(text('k'), int(2)), OP.NEWOBJ_EX]))).toMatchObject({
      ...made,
      keywords: { k: 2 },
    });
    expect(readFake(zipCheckpoint([OP.MARK, int(1), text('x'), OP.INST, name]))).toMatchObject(made);
    expect(readFake(zipCheckpoint([OP.MARK, callee, int(1), text('x'), OP.OBJ]))).toMatchObject(made);
    expect(readFake(zipCheckpoint([OP.EXT1, 7, args, OP.REDUCE]))).toMatchObject({
      className: 'copyreg.extension7',
    });
  });

  it('of subclasses of list and dict keep their items', () => {
    const listed = [call(global('pkg', 'List')), OP.MARK, int(1), int(2), OP.APPENDS, int(3), OP.APPEND];
    expect(readFake(zipCheckpoint(listed))).toMatchObject({ items: [1, 2, 3] });
    const mapped = [call(global('pkg', 'Dict')), OP.MARK, text('1'), int(1), text('0'), int(2), OP.SETITEMS];
    const { entries } = readFake(zipCheckpoint(mapped)) as InertObject;
    expect([...(entries ?? [])]).toEqual([
      ['1', 1],
      ['0', 2],
    ]);
  });

  it('may hold themselves', () => {
    const cyclic = [
      call(global('pkg', 'Node')),
      OP.BINPUT,
      9,
      dict(text('next'), [OP.BINGET, 9]),
      OP.BUILD,
    ] as Piece;
    const node = readFake(zipCheckpoint(cyclic)) as InertObject;
    expect((node.state as { next: unknown }).next).toBe(node);
  });

  it('a class or function by itself is its name, one object for one name', () => {
    const classes = list(global('pkg', 'A'), global('pkg', 'A'), global('collections', 'OrderedDict'));
    const [a, again, ordered] = readFake(zipCheckpoint(classes)) as InertGlobal[];
    expect(a).toBe(again);
    expect([a, ordered].map((one) => one?.name)).toEqual(['pkg.A', 'collections.OrderedDict']);
    expect(a).toBeInstanceOf(InertGlobal);
    expect(inspect(a)).toBe('<pkg.A>');
  });

  it('a member of an enum, as Python 3.11 writes it, is its name', () => {
    const red = call(global('builtins', 'getattr'), global('pkg', 'Color'), text('RED'));
    expect(readFake(zipCheckpoint(red))).toMatchObject({ name: 'pkg.Color.RED' });
  });

  it('are not written again, and the error says what they are', () => {
    const path = join(tmp(), 'inert.pth');
    const value = { hook: readFake(zipCheckpoint(hook)), cls: readFake(zipCheckpoint(global('pkg', 'A'))) };
    expect(() => save(value, path)).toThrow(
      /for "hook", got the description of a mypackage.hooks.Clip; save what it holds$/,
    );
    expect(() => save([value.cls], path)).toThrow(/for "0", got the Python name pkg.A; leave it out$/);
  });

  it("are refused with { unknown: 'refuse' }, at the key", () => {
    for (const file of both(dict(text('w'), weight, text('hook'), hook))) {
      expect(() => readFake(file, 'file.pth', { unknown: 'refuse' })).toThrow(
        'file.pth: blocked global "mypackage.hooks.Clip" at "hook"; ' +
          "{ unknown: 'describe' } reads it as a description",
      );
    }
    const named = zipCheckpoint(dict(text('cls'), global('collections', 'OrderedDict')));
    expect(() => readFake(named, 'file.pth', { unknown: 'refuse' })).toThrow(
      'blocked global "collections.OrderedDict" at "cls"',
    );
  });
});

describe('tensors of dtypes that there are none of here', () => {
  it('are described with their bytes', () => {
    const stored = [
      tuple(text('storage'), global('torch.storage', 'UntypedStorage'), text('0'), text('cpu'), int(16)),
      OP.BINPERSID,
    ] as Piece;
    const hooks = call(global('collections', 'OrderedDict'));
    const rebuild = global('torch._utils', '_rebuild_tensor_v3');
    const args = [
      stored,
      int(0),
      tuple(int(2)),
      tuple(int(1)),
      OP.NEWFALSE,
      hooks,
      global('torch', 'uint4'),
    ] as Piece[];
    const value = readFake(
      zipCheckpoint(dict(text('w'), weight, text('k'), call(rebuild, ...args))),
    ) as Record<string, unknown>;
    expect(value.w).toBeInstanceOf(FakeTensor);
    expect(value.k).toMatchObject({ className: 'torch.Tensor', state: { dtype: 'uint4' } });
    expect((value.k as InertObject).args.slice(1)).toEqual([0, [2], [1]]);
  });
});

describe('the key of an error is where the value lies', () => {
  const bad = call(global('os', 'system'), text('id'));
  const cases: [string, Piece, string][] = [
    ['after an empty dict', dict(text('model'), dict(), text('scaler'), dict(), text('args'), bad), 'args'],
    ['after a dict of one entry', dict(text('a'), dict(text('b'), int(1)), text('c'), bad), 'c'],
    ['in an empty dict', dict(text('a'), [OP.EMPTY_DICT, text('b'), bad, OP.SETITEM]), 'a.b'],
    ['in a list in a tuple', dict(text('a'), tuple(int(0), list(int(1), int(2), bad))), 'a.1.2'],
    ['in a list by APPEND', [OP.EMPTY_LIST, int(1), OP.APPEND, bad, OP.APPEND], '1'],
    [
      'in the state of an object',
      dict(text('o'), [call(global('p', 'O')), dict(text('x'), bad), OP.BUILD]),
      'o.state.x',
    ],
    ['in the arguments of an object', dict(text('o'), call(global('p', 'O'), int(1), bad)), 'o.args.1'],
    [
      'in an OrderedDict',
      [call(global('collections', 'OrderedDict')), OP.MARK, text('k'), bad, OP.SETITEMS],
      'k',
    ],
    ['under a number', dict(int(7), bad), '7'],
  ];

  it.each(cases)('%s', (_, object, key) => {
    for (const file of both(object)) {
      let error: unknown;
      try {
        readFake(file);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error).toMatchObject({ code: 'ERR_CHECKPOINT_BLOCKED_GLOBAL', key });
    }
  });

  it('is left out where the file ends before it is known', () => {
    const cut = zipCheckpoint([OP.EMPTY_DICT, OP.MARK, text('a'), bad]);
    expect(() => readFake(cut)).toThrow(/^file.pth: blocked global "os.system"; only/);
  });
});
