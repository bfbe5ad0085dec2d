import { cat, isTensor, type Tensor, zeros } from '../../lib/tensor/index.ts';

/** A call with one thing wrong in it. */
export interface BadCall {
  /** Where and what: `[0].stride = "nonsense"`. */
  label: string;
  args: unknown[];
  /** Nothing can take it, whatever torch makes of its own values of that kind. */
  hopeless: boolean;
}

/** What stands in the place of something good. */
type Bad = [label: string, value: unknown, hopeless?: boolean];

const NONSENSE = 'nonsense';
const HUGE = 2 ** 53 - 1;

export const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** Wrong whatever is expected, unless it is of that kind. */
const always = (): Bad[] => [
  ['undefined', undefined],
  ['null', null],
];
const text: Bad = ['a text', NONSENSE, true];
const plain: Bad = ['an object', { nonsense: 1 }, true];
const fn: Bad = ['a function', () => 1, true];
const list: Bad = ['a list of texts', [NONSENSE], true];

function badNumbers(good: number): Bad[] {
  const bad: Bad[] = [
    ['NaN', Number.NaN],
    ['-7', -7],
    ['huge', HUGE],
    ['five numbers', [1, 1, 1, 1, 1]],
    ['no numbers', []],
  ];
  return Number.isInteger(good) ? [...bad, ['a fraction', good + 0.5]] : bad;
}

function badLists(good: readonly unknown[]): Bad[] {
  const bad: Bad[] = [
    ['empty', []],
    ['one more', [...good, good.at(-1)]],
    ['with null', [null, ...good.slice(1)]],
    ['ending in a text', [...good.slice(0, -1), NONSENSE], true],
  ];
  if (!good.every((item) => typeof item === 'number')) return bad;
  return [
    ...bad,
    ['ending in NaN', [...good.slice(0, -1), Number.NaN]],
    ['ending in a fraction', [...good.slice(0, -1), 0.5]],
    ['ending in -7', [...good.slice(0, -1), -7]],
    ['ending in huge', [...good.slice(0, -1), HUGE]],
  ];
}

function badTensors(good: Tensor): Bad[] {
  if (good.layout !== 'strided' || good.dtype.startsWith('q')) {
    return [
      ['a number', 3],
      ['dense', zeros(good.shape)],
    ];
  }
  const isFloat = good.isFloatingPoint();
  const other = (dtype: 'bool' | 'int64' | 'float32' | 'complex64'): Bad => [dtype, good.detach().to(dtype)];
  const bad: Bad[] = [
    ['a number', 3],
    ['numbers', [1, 2]],
    other('bool'),
    other(isFloat ? 'int64' : 'float32'),
    other('complex64'),
    ['two more dimensions', good.detach().unsqueeze(0).unsqueeze(0)],
    ['no dimensions', good.detach().flatten().sum().to(good.dtype)],
    ['empty', good.detach().flatten().slice(0, 0, 0)],
  ];
  if (good.dim() === 0) return bad;
  const row = good.detach().select(-1, 0).unsqueeze(-1);
  return [
    ...bad,
    ['one dimension less', good.detach().select(0, 0)],
    ['four more columns', cat([good.detach(), row, row, row, row], -1)],
  ];
}

/** What may stand wrongly in the place of `good`. */
function badFor(good: unknown): Bad[] {
  if (isTensor(good)) return [...always(), text, plain, fn, ...badTensors(good as Tensor)];
  if (typeof good === 'number') return [...always(), text, plain, fn, list, ...badNumbers(good)];
  if (typeof good === 'boolean') return [...always(), text, plain, fn, list, ['2', 2]];
  if (typeof good === 'string') return [...always(), text, plain, fn, list, ['3', 3]];
  if (typeof good === 'function') return [...always(), text, plain, list, ['3', 3]];
  if (Array.isArray(good)) return [...always(), text, plain, fn, ...badLists(good)];
  return [...always(), text, fn, ['3', 3], list];
}

/** The options with one wrong, one that nobody has, and one misspelt. */
function badOptions(good: Record<string, unknown>): Bad[] {
  const bad: Bad[] = [['optionThatNobodyHas', { ...good, optionThatNobodyHas: 1 }, true]];
  for (const [key, value] of Object.entries(good)) {
    const { [key]: _, ...others } = good;
    const misspelt = `${key}q`;
    bad.push([misspelt, { ...others, [misspelt]: value }, true]);
    for (const [label, wrong, hopeless] of badFor(value)) {
      if (wrong !== undefined) bad.push([`${key}: ${label}`, { ...good, [key]: wrong }, hopeless ?? false]);
    }
  }
  return bad;
}

/** Every bad call that is made of a good one. */
export function badCalls(good: readonly unknown[]): BadCall[] {
  const calls: BadCall[] = [];
  for (const [i, value] of good.entries()) {
    const bad = isPlain(value) ? badOptions(value) : badFor(value);
    for (const [label, wrong, hopeless = false] of bad) {
      const args = [...good];
      args[i] = wrong;
      calls.push({ label: `[${i}] ${label}`, args, hopeless });
    }
  }
  if (!isPlain(good.at(-1)))
    calls.push({
      label: 'optionThatNobodyHas',
      args: [...good, { optionThatNobodyHas: 1 }],
      hopeless: true,
    });
  return calls;
}
