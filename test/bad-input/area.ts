import { expect, it, vi } from 'vitest';
import { setNumThreads } from '../../lib/index.ts';
import { type GoodCall, Judge } from './judge.ts';

type Call = GoodCall['call'];
export type Class = new (...args: never[]) => unknown;

/** What makes an instance, and uses it, since some bad arguments are only seen then. */
export function made<C extends Class>(
  OfClass: C,
  use: (instance: InstanceType<C>) => unknown = (instance) => instance,
): Call {
  return (...given: unknown[]) =>
    use(Reflect.construct(OfClass, given as never[]) as InstanceType<C>) as unknown;
}

/** Tries bad input for each call of an area; `names` are its exports, `others` those without a call, with the reason. */
export function refusesBadInput(
  area: string,
  goods: readonly GoodCall[],
  names: readonly string[],
  others: Readonly<Record<string, string>> = {},
  { isOurs = false } = {},
): void {
  setNumThreads(1); // tensors of a few elements: threads would only wait for each other
  vi.spyOn(process, 'emitWarning').mockReturnValue();
  const judge = new Judge(area, isOurs);

  it('all of them', () => {
    const known = new Set([...Object.keys(others), ...goods.map(({ name }) => name)]);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
    expect(Object.keys(others).filter((name) => !names.includes(name))).toEqual([]);
  });

  it.each(goods.map((good) => [good.name, good] as const))('%s', async (_, good) =>
    expect(await judge.complaints(good)).toEqual([]),
  );
}
