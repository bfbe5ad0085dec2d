import { describe, expect, it } from 'vitest';
import { type InertObject, load, stateDictOf } from '../../lib/checkpoint/index.ts';
import { OPCODES as OP } from '../../lib/checkpoint/pickle/opcodes.ts';
import { fixturePath } from './fake-backend.ts';
import {
  call,
  dict,
  global,
  int,
  legacyCheckpoint,
  type Piece,
  storage,
  tensor,
  text,
  tuple,
} from './forge.ts';

describe('whole modules', () => {
  it('give their state dict', () => {
    const stateDict = stateDictOf(load(fixturePath('refused-module.zip.pth')));
    expect(Object.fromEntries([...stateDict].map(([key, { shape }]) => [key, shape]))).toMatchInlineSnapshot(`
      {
        "0.bias": [
          4,
        ],
        "0.weight": [
          4,
          3,
          3,
          3,
        ],
        "1.bias": [
          4,
        ],
        "1.num_batches_tracked": [],
        "1.running_mean": [
          4,
        ],
        "1.running_var": [
          4,
        ],
        "1.weight": [
          4,
        ],
        "4.bias": [
          2,
        ],
        "4.weight": [
          2,
          4,
        ],
      }
    `);
  });

  it('of the format before PyTorch 1.6, which wrote the source of each class beside its name', () => {
    const type = [
      tuple(text('module'), global('__main__', 'Net'), text('net.py'), text('class Net: ...')),
      OP.BINPERSID,
    ];
    const weight = tensor(storage(int(4)), int(0), tuple(int(4)), tuple(int(1)));
    const part = (...entries: Piece[]) => [
      call(global('collections', 'OrderedDict')),
      OP.MARK,
      entries,
      OP.SETITEMS,
    ];
    const parts = dict(
      text('_parameters'),
      part(text('w'), weight),
      text('_buffers'),
      part(),
      text('_modules'),
      part(),
    );
    const file = legacyCheckpoint([type, OP.EMPTY_TUPLE, OP.NEWOBJ, parts, OP.BUILD] as Piece, [
      ['0', 4, Buffer.alloc(16)],
    ]);
    const loaded = load<InertObject>(file);
    expect(loaded.className).toBe('__main__.Net');
    expect([...stateDictOf(loaded).keys()]).toEqual(['w']);
  });
});
