import { describe, expect, it } from 'vitest';
import { empty, getRngState, manualSeed, models, nn, ones, randn, type Tensor } from '../../lib/index.ts';
import { deferDraws } from '../../lib/nn/init/defer-draws.ts';
import { skipRandom } from '../../lib/tensor/random.ts';

const { init } = nn;
const bytes = (tensor: Tensor) => Buffer.from(tensor.data().buffer).toString('base64');
const afterwards = () => [bytes(getRngState()), bytes(randn([3]))];

/** What `build` leaves in its tensors and in the generator. */
function outcome(build: () => Tensor[]): string[] {
  manualSeed(3);
  randn([5]); // so that a drawn normal number is kept for later
  return [...build().map(bytes), ...afterwards()];
}

/** What `move` leaves in the generator. */
function movedBy(move: () => unknown): string[] {
  return outcome(() => {
    move();
    return [];
  });
}

describe('draws that are put off', () => {
  it.each([0, 1, 226, 227, 396, 397, 622, 623, 624, 625, 1247, 1248, 100_003])(
    'skipping %i numbers leaves the generator as drawing them does',
    (count) => {
      expect(movedBy(() => skipRandom(count))).toEqual(movedBy(() => init.uniform_(empty([count]))));
    },
  );

  it('are made where nothing else fills the tensor, with the numbers of their turn', () => {
    const build = () => {
      const [a, b, c, d] = [
        empty([1000]),
        empty([7, 9]),
        empty([33]),
        empty([50], { dtype: 'float64' }),
      ] as const;
      init.uniform_(a, -1, 1);
      init.uniform_(b, 2, 3);
      init.uniform_(c);
      init.uniform_(d);
      init.normal_(b);
      init.ones_(c);
      init.uniform_(c, 4, 5);
      return [a, b, c, d];
    };
    expect(outcome(() => deferDraws(build))).toEqual(outcome(build));
  });

  it('are made for layers that a network does not fill itself', () => {
    const build = () => [...new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.Linear(8, 2)).parameters()];
    expect(outcome(() => deferDraws(build))).toEqual(outcome(build));
  });

  it('give an entry point the weights of its class', () => {
    const layers = [2, 2, 2, 2] as const;
    const direct = outcome(() => [
      ...new models.ResNet_IBN(models.BasicBlock_IBN, layers).stateDict().values(),
    ]);
    expect(outcome(() => [...models.resnet18_ibn_a().stateDict().values()])).toEqual(direct);
  });

  it('end with the function, also when it throws', () => {
    const failing = () => {
      init.uniform_(empty([4]));
      throw new Error('stop');
    };
    expect(() => deferDraws(failing)).toThrow('stop');
    const x = ones([4]);
    init.uniform_(x, 5, 6);
    expect((x.toArray() as number[]).every((value) => value >= 5 && value < 6)).toBe(true);
  });
});
