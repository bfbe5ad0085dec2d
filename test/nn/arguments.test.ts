import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { ones, tensor } from '../../lib/tensor/index.ts';
import { message } from './messages.ts';

const F = nn.functional;

describe('arguments of layers and functions', () => {
  it('stand in order or among the options', () => {
    const layers = [
      new nn.LeakyReLU(0.2, { inplace: true }),
      new nn.LeakyReLU({ negativeSlope: 0.2, inplace: true }),
    ];
    expect(layers.map(String)).toEqual(Array(2).fill('LeakyReLU(negative_slope=0.2, inplace=True)'));
    expect(String(new nn.Hardtanh(0, 6))).toBe('Hardtanh(min_val=0.0, max_val=6.0)');
    expect(String(new nn.Softmax({ dim: 1 }))).toBe('Softmax(dim=1)');
    expect(new nn.ZeroPad2d(1).padding).toEqual([1, 1, 1, 1]);
    const x = tensor([-2, 3]);
    expect(F.leakyRelu(x, 0.5).toArray()).toEqual([-1, 3]);
    expect(F.leakyRelu(x, { negativeSlope: 0.5 }).toArray()).toEqual([-1, 3]);
    expect(F.pad(x, [1, 0], 'constant', 7).toArray()).toEqual([7, -2, 3]);
    expect(F.pad(x, [1, 0], { value: 7 }).toArray()).toEqual([7, -2, 3]);
  });

  it('are read when the layer runs', () => {
    const layer = new nn.LeakyReLU(0.5);
    layer.negativeSlope = 0.25;
    expect(layer.forward(tensor([-4])).toArray()).toEqual([-1]);
    class Shifted extends nn.ReLU {
      override forward(x = ones([1])) {
        return super.forward(x).add(1);
      }
    }
    expect(new Shifted().forward().toArray()).toEqual([2]);
    expect(String(new Shifted({ inplace: true }))).toBe('Shifted(inplace=True)');
  });

  it('are refused where they are of another kind, out of bounds, missing or given twice', () => {
    const calls = [
      () => new nn.LeakyReLU('0.2' as never),
      () => new nn.LeakyReLU(0.2, { negativeSlope: 0.1 }),
      () => new nn.LeakyReLU(0.2, true as never),
      () => new nn.ReLU({ inplace: 1 as never }),
      () => new nn.GELU('erf' as never),
      () => new nn.Dropout2d(-0.5),
      () => new nn.Threshold(0 as never, undefined as never),
      () => new nn.ReflectionPad2d([1, 2] as never),
      () => new nn.ZeroPad1d(1.5),
      () => new nn.PReLU(0),
      () => new nn.Unflatten(1, 4 as never),
      () => new nn.PixelShuffle(0),
      () => Reflect.construct(nn.PixelShuffle, [2, {}]),
      () => F.softmax(ones([2]), 0.5),
      () => F.pad(ones([2]), [1]),
      () => F.hardtanh(ones([2]), 2, 1),
      () => new nn.Softmax2d().forward(ones([2, 2])),
      () => F.dropout1d(ones([1, 1, 1, 1])),
      () => F.interpolate(ones([1, 1, 4, 4]), { size: [2], mode: 'bilinear' }),
      () => F.interpolate(ones([1, 1, 4]), { size: 2, mode: 'bilinear' }),
      () => F.interpolate(ones([1, 1, 4]), { size: 2, alignCorners: true }),
      () => F.affineGrid(ones([1, 3, 3]), [1, 1, 2, 2]),
    ];
    expect(calls.map(message)).toMatchInlineSnapshot(`
      [
        "TypeError: Expected a number for LeakyReLU negativeSlope, got "0.2"",
        "TypeError: Expected negativeSlope once for LeakyReLU, got it in its place and among the options",
        "TypeError: Expected an options object for LeakyReLU, got boolean",
        "TypeError: Expected a boolean for ReLU inplace, got 1",
        "RangeError: Expected "none" or "tanh" for GELU approximate, got "erf"",
        "RangeError: Expected a probability from 0 to 1 for Dropout2d p, got -0.5",
        "TypeError: Expected a number for Threshold value, got undefined",
        "RangeError: Expected a whole number, or four in an array, for ReflectionPad2d padding, got [1, 2]",
        "RangeError: Expected a whole number, or two in an array, for ZeroPad1d padding, got 1.5",
        "RangeError: Expected a whole number of at least 1 for PReLU numParameters, got 0",
        "TypeError: Expected an array of whole numbers for Unflatten unflattenedSize, got 4",
        "RangeError: Expected a whole number of at least 1 for PixelShuffle upscaleFactor, got 0",
        "TypeError: Expected at most 1 argument for PixelShuffle, got 2, of which nothing reads an object",
        "RangeError: Expected the number of a dimension for softmax dim, got 0.5",
        "RangeError: Expected an even number of whole numbers for pad padding, got [1]",
        "RangeError: Expected minVal to be at most maxVal for hardtanh, got 2 and 1",
        "RangeError: Expected 3D or 4D input for Softmax2d, got 2D input",
        "RangeError: Expected 2D or 3D input for dropout1d, got 4D input; dropout takes any",
        "RangeError: Expected one number or 2 for interpolate size, as the input's spatial dimensions, got 1",
        "RangeError: Expected 4D input for interpolate of mode "bilinear", got 3D input",
        "RangeError: Expected no alignCorners for interpolate of mode "nearest", got true",
        "RangeError: Expected shape [N, 2, 3] for affineGrid theta, got [1, 3, 3]",
      ]
    `);
  });
});
