import { afterEach, describe, expect, it } from 'vitest';
import { autograd } from '../../lib/index.ts';
import { type Tensor, tensor } from '../../lib/tensor/index.ts';
import { errorOf, message, withScope } from '../helpers/index.ts';

const leaf = (values: number[]): Tensor => tensor(values, { requiresGrad: true });

/** 0 * sqrt(0): the gradient of the root is infinite, and 0 times it is no number. */
function badForward(x: Tensor): Tensor {
  const root = x.sqrt();
  return root.mul(0);
}

/** What `process.emitWarning` gives until the next turn of the event loop. */
async function warningsOf(fn: () => void): Promise<string[]> {
  const seen: string[] = [];
  const note = (warning: Error): void => void seen.push(warning.message);
  process.on('warning', note);
  fn();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  return seen;
}

afterEach(() => autograd.setDetectAnomaly(false));

describe('anomaly detection', () => {
  it('names the line of the forward whose backward makes a NaN', async () => {
    let error = new Error();
    const warnings = await warningsOf(() => {
      error = errorOf(() =>
        autograd.detectAnomaly(() =>
          badForward(leaf([0]))
            .sum()
            .backward(),
        ),
      );
    });
    expect(error.name).toBe('TorchError');
    expect(error.message).toMatch(
      /^Function 'SqrtBackward0' returned nan values in its 0th output\. The forward of SqrtBackward0 ran at .*anomaly\.test\.ts:\d+$/,
    );
    expect(error.stack).toContain(error.message);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('Error detected in SqrtBackward0');
    expect(warnings[0]).toMatch(/at badForward .*anomaly\.test\.ts/);
  });

  it('names the line for other errors of libtorch too, and warns of those of hooks', async () => {
    const warnings = await warningsOf(() =>
      autograd.detectAnomaly(() => {
        const x = leaf([1, 2]);
        const y = x.exp();
        const z = y.mul(y).sum();
        y.add_(1);
        expect(message(() => z.backward())).toMatch(
          /The forward of MulBackward0 ran at .*anomaly\.test\.ts:\d+$/,
        );
        class Broken extends autograd.Function {
          static forward(_ctx: autograd.FunctionCtx, v: Tensor): Tensor {
            return v.mul(1);
          }
          static backward(): never {
            throw new RangeError('mine');
          }
        }
        const error = errorOf(() => Broken.apply(x).sum().backward());
        expect([error.name, error.message]).toEqual(['RangeError', 'mine']);
      }),
    );
    expect(warnings.map((text) => text.split('.')[0])).toEqual([
      'Error detected in MulBackward0',
      'Error detected in BrokenBackward',
    ]);
  });

  it(
    'names the pass that a node came from, for derivatives of derivatives',
    withScope(() => {
      autograd.detectAnomaly(() => {
        const x = leaf([0]);
        const [first] = autograd.grad([x.pow(1.5).sum()], [x], { createGraph: true });
        const error = message(() => first.mul(0).sum().backward());
        expect(error).toMatch(/returned nan values.*ran at .*anomaly\.test\.ts/);
      });
    }),
  );

  it(
    'holds for the function, and is put back as it was',
    withScope(() => {
      expect(autograd.isAnomalyEnabled()).toBe(false);
      expect(() =>
        autograd.detectAnomaly(() => {
          expect(autograd.isAnomalyEnabled()).toBe(true);
          throw new Error('out');
        }),
      ).toThrow('out');
      expect(autograd.isAnomalyEnabled()).toBe(false);
      autograd.setDetectAnomaly(true);
      autograd.detectAnomaly(() => {});
      expect(autograd.isAnomalyEnabled()).toBe(true);
      autograd.setDetectAnomaly(false);
      const x = leaf([0]);
      badForward(x).sum().backward();
      expect(x.grad?.item()).toBeNaN();
    }),
  );

  it(
    'does not look for NaN with checkNan: false',
    withScope(() => {
      const x = leaf([0]);
      autograd.detectAnomaly(() => badForward(x).sum().backward(), { checkNan: false });
      expect(x.grad?.item()).toBeNaN();
    }),
  );

  it('refuses what it does not know', () => {
    expect(message(() => autograd.setDetectAnomaly(1 as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a boolean for setDetectAnomaly, got 1"`,
    );
    expect(message(() => autograd.detectAnomaly(async () => {}))).toMatchInlineSnapshot(
      `"TypeError: Expected a synchronous function for detectAnomaly, got one that returns a promise; call detectAnomaly around the synchronous parts, between awaits"`,
    );
  });
});
