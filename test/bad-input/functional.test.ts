import { describe, expect, it, vi } from 'vitest';
import { nn, setNumThreads } from '../../lib/index.ts';
import { functionalCalls } from './functional-calls.ts';
import { Judge } from './judge.ts';

setNumThreads(1); // tensors of a few elements: threads would only wait for each other
vi.spyOn(process, 'emitWarning').mockReturnValue();
const judge = new Judge('functional');

describe('functions of nn.functional refuse bad input in words', () => {
  it('all of them', () =>
    expect(Object.keys(functionalCalls).sort()).toEqual(Object.keys(nn.functional).sort()));

  it.each(Object.entries(functionalCalls))('%s', async (name, args) => {
    const call = nn.functional[name as 'relu'];
    expect(await judge.complaints({ name: `nn.functional.${name}`, args, call })).toEqual([]);
  });
});
