import { describe, expect, it, vi } from 'vitest';
import * as functions from '../../lib/functions/index.ts';
import { setNumThreads } from '../../lib/index.ts';
import { exportsOf } from './exports.ts';
import { Judge } from './judge.ts';
import { LEFT_OUT, opCall } from './op-calls.ts';

setNumThreads(1); // tensors of a few elements: threads would only wait for each other
vi.spyOn(process, 'emitWarning').mockReturnValue();
const judge = new Judge('ops');
const names = exportsOf(functions, '');
const spaces: Record<string, object> = { '': functions, ...functions };
const called = names.filter((name) => opCall(name) !== undefined);

describe('functions of torch refuse bad input in words', () => {
  it('all of them', () =>
    expect(names.filter((name) => !called.includes(name)).sort()).toEqual(Object.keys(LEFT_OUT).sort()));

  it.each(called)('%s', async (name) => {
    const [last, space = ''] = name.split('.').reverse() as [string, string?];
    const call = Reflect.get(spaces[space] as object, last);
    expect(await judge.complaints({ name, args: opCall(name) as unknown[], call })).toEqual([]);
  });
});
