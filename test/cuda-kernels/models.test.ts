import { describe, expect, it } from 'vitest';
import * as models from '../../lib/models/index.ts';
import { withFusedNorms } from '../../lib/nn/ibn-ops.ts';
import type { Module } from '../../lib/nn/index.ts';
import { withRecorder } from '../../lib/ops/index.ts';
import { noGrad, randn, scope, type Tensor } from '../../lib/tensor/index.ts';
import { expectClose, forEachDevice, withScope } from '../helpers/index.ts';

type Network = Module & { forward(x: Tensor): Tensor };
const small = { numClasses: 10 };
const networks: Record<string, () => Network> = {
  resnet18_ibn_a: () => models.resnet18_ibn_a(small),
  resnet18_ibn_b: () => models.resnet18_ibn_b(small),
  'resnet18 with IBN after the addition': () =>
    new models.ResNet_IBN(models.BasicBlock_IBN, [2, 2, 2, 2], { ...small, ibnCfg: ['d', 'ad', 'aa', null] }),
  densenet121_ibn_a: () => models.densenet121_ibn_a({ ...small, growthRate: 8 }),
};

const forward = (model: Network, x: Tensor, where: 'always' | 'never') =>
  withFusedNorms(where, () => model.forward(x));

/** Names of the ops that `fn` calls. */
function opsOf(fn: () => unknown): string[] {
  const names: string[] = [];
  withRecorder(({ name }) => names.push(name), fn);
  return names;
}

describe('models with the fused norm', () => {
  for (const [name, make] of Object.entries(networks)) {
    forEachDevice(`${name} gives the same logits as by its layers`, (device) => {
      scope(() => {
        const model = make().to({ device }).eval();
        const x = randn([2, 3, 64, 64], { device });
        noGrad(() =>
          expectClose(forward(model, x, 'always'), forward(model, x, 'never'), { rtol: 1e-3, atol: 1e-4 }),
        );
      });
    });

    forEachDevice(`${name} trains alike: gradients and running statistics`, (device) => {
      scope(() => {
        // The deepest maps are of few elements, whose statistics make much of a small difference: float64 where there is.
        const place = { device, dtype: device === 'cpu' ? 'float64' : 'float32' } as const;
        const bound = device === 'cpu' ? 1e-6 : 5e-2;
        const [fused, plain] = [make().to(place), make().to(place)];
        plain.loadStateDict(fused.stateDict());
        const x = randn([4, 3, 64, 64], place);
        forward(fused, x, 'always').pow(2).sum().backward();
        forward(plain, x, 'never').pow(2).sum().backward();
        const wanted = new Map(plain.namedParameters());
        const size = (value: Tensor) => Number(value.norm().item());
        for (const [key, parameter] of fused.namedParameters()) {
          const grad = (wanted.get(key) as Tensor).grad as Tensor;
          const difference = size((parameter.grad as Tensor).sub(grad));
          expect(difference / (size(grad) + 1e-6), key).toBeLessThan(bound);
        }
        const buffers = new Map(plain.namedBuffers());
        for (const [key, value] of fused.namedBuffers()) {
          expectClose(value, buffers.get(key) as Tensor, { rtol: 1e-3, atol: 1e-4 });
        }
      });
    });
  }

  it(
    'take the layers while ops are recorded, and where a hook wants their results (cpu)',
    withScope(() => {
      const model = (networks.resnet18_ibn_a as () => Network)().eval();
      const x = randn([1, 3, 64, 64]);
      const names = opsOf(() => forward(model, x, 'always'));
      expect(names).toContain('aten::instance_norm');
      expect(names.filter((name) => name.startsWith('ibn::'))).toEqual([]);
      const seen: number[][] = [];
      for (const module of model.modules()) {
        if (!(module instanceof models.IBN)) continue;
        (module.IN as Module).registerForwardHook((_, __, output: Tensor) => void seen.push(output.shape));
      }
      forward(model, x, 'always');
      expect(seen.length).toBe(6);
      expect(seen[0]).toEqual([1, 32, 16, 16]);
    }),
  );

  it(
    'give way to the forward of a layer that was replaced or overridden (cpu)',
    withScope(() => {
      const model = models.resnet18_ibn_a(small).eval();
      const block = model.layer1.get(0) as models.BasicBlock_IBN;
      const calls: string[] = [];
      class Own extends models.IBN {
        override forward(x: Tensor): Tensor {
          calls.push('overridden');
          return super.forward(x);
        }
      }
      block.registerModule('bn1', new Own(64).eval());
      const batch = ((model.layer1.get(1) as models.BasicBlock_IBN).bn1 as models.IBN).BN as Module;
      const original = batch.forward;
      batch.forward = (x: Tensor) => {
        calls.push('replaced');
        return original(x);
      };
      noGrad(() => forward(model, randn([1, 3, 64, 64]), 'always'));
      expect(calls).toEqual(['overridden', 'replaced']);
    }),
  );
});
