import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import * as root from '../../lib/index.ts';
import { exportsOf } from './exports.ts';
import { complaintAbout } from './judge.ts';

vi.spyOn(process, 'emitWarning').mockReturnValue();

/** Exports that take what they are given, or nothing, with the reason. */
const TAKE_ANYTHING: readonly (readonly [name: RegExp, reason: string])[] = [
  [/Error$/, 'an error, which the package makes'],
  [
    /^(amp\.(clearAutocastCache|isAutocastCacheEnabled)|(autograd\.)?isAnomalyEnabled|is(Grad|InferenceMode)Enabled|listOps|areDeterministicAlgorithmsEnabled|(cuda\.)?getRngState(All)?|initialSeed|seed|cudaInfo|emptyCpuCache|get(NumInteropThreads|NumThreads|Printoptions|Float32MatmulPrecision)|memoryStats|resetPeakMemoryStats|runtimeInfo|slice|hub\.(getDir|pretrainedModels))$/,
    'takes nothing, or nothing that it needs',
  ],
  [/^cuda\./, 'without a device the error says that there is none'],
  [
    /^distributed\.(allGather|allToAll|allGatherObject|broadcastObjectList|destroyProcessGroup|get\w+|newGroup)$|^Distributed(Eval)?Sampler$|^train\.ClassificationMetrics\.allReduce$/,
    'without a process group the error says so first',
  ],
  [
    /^autograd\.(Function|FunctionCtx)$|^distributions\.Distribution$|^IterableDataset$|^segment\.Segmenter$/,
    'a base',
  ],
  [
    /^(checkpoint\.Inert\w+|CompiledModel|models\.ModelSummary|nn\.StateDict|MappedFile|UntypedStorage|OpaqueValue|Tensor|distributed\.(Work|ProcessGroup|Store|TCPStore)|reid\.(Gallery|LoadedReID)|segment\.LoadedSegmenter|serve\.(Server|Service)|datasets\.(EmojiStyles|Scenes|WebDataset)|adapt\.Guard)$/,
    'made by the package',
  ],
  [/^checkpoint\.(metadataOf|textsOf)$/, 'any object is a state dict'],
  [
    /^(Random|Sequential|SubsetRandom)Sampler$|^defaultCollate$|^datasets\.tarSamples$/,
    'any list has a length, can be a sample, and is a stream until its first part is read',
  ],
  [/^(defaultConvert|dtypeOfArray|isTensor|keep)$/, 'takes anything'],
  [/^nn\.Identity$/, 'takes any arguments, as torch does'],
];
const takesAnything = (name: string): boolean => TAKE_ANYTHING.some(([names]) => names.test(name));

const find = (name: string): unknown =>
  name.split('.').reduce<object>((space, key) => Reflect.get(space, key) as object, root);

const isClass = (value: unknown): boolean => /^class\b/.test(Function.prototype.toString.call(value));

/** Nothing takes any of them. */
const WRONG: readonly (readonly [label: string, value: unknown])[] = [
  ['an object', { nonsense: 1 }],
  ['a list of objects', [{ nonsense: 1 }]],
];

async function refusalOf(name: string, wrong: unknown): Promise<string> {
  const value = find(name) as (...args: unknown[]) => unknown;
  try {
    let result: unknown;
    root.scope(() => {
      result = isClass(value) ? Reflect.construct(value, [wrong]) : value(wrong);
    });
    await result;
    return 'was taken';
  } catch (error) {
    const message = error instanceof Error ? error.message : `${String(error)} is no Error`;
    return complaintAbout(error, message) ?? namedIn(name, error as Error);
  }
}

/** Whether the error says what refuses: by the name here, or by PyTorch's. */
function namedIn(name: string, { message, stack = '' }: Error): string {
  const last = name.split('.').at(-1) as string;
  const plain = (text: string): string => text.toLowerCase().replaceAll('_', '');
  return plain(message).includes(plain(last).replace(/2d$/, '')) || /Expected/.test(message) || stack === ''
    ? ''
    : `names nothing: ${message}`;
}

describe('every export refuses a wrong first argument in words', () => {
  afterEach(() => root.setGradEnabled(true));
  afterAll(() => root.manualSeed(0));
  const names = exportsOf(root as unknown as Record<string, unknown>, '');
  const checked = names.filter((name) => !takesAnything(name));

  it('all but those that take anything', () => {
    expect(checked.length).toBeGreaterThan(1000);
    const unused = TAKE_ANYTHING.filter(([pattern]) => !names.some((name) => pattern.test(name)));
    expect(unused).toEqual([]);
  });

  it.each(WRONG)('%s', async (_, wrong) => {
    const found: string[] = [];
    for (const name of checked) {
      const complaint = await refusalOf(name, wrong);
      if (complaint !== '') found.push(`${name}: ${complaint.slice(0, 160)}`);
    }
    expect(found).toEqual([]);
  });
});
