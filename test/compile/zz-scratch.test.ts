import { it } from 'vitest';
import { compile } from '/work/main/lib/compile/index.ts';
import * as models from '/work/main/lib/models/index.ts';
import { noGrad, randn, scope, setNumThreads } from '/work/main/lib/tensor/index.ts';
import { prepared, relativeError } from '/work/main/test/helpers/plans.ts';
it('x', async () => {
  setNumThreads(2);
  for (const seed of [0, 1, 2]) {
  const model = prepared(models.getModel('se_resnet152'), seed);
  const x = randn([2, 3, 64, 64]);
  const want = noGrad(() => model.forward(x));
  const fast = await compile(model, { inputs: [[1, 3, 64, 64]], threads: 2 });
  const got = await fast.run(x);
  process.env.X;
  const d = prepared(models.getModel('se_resnet152'), seed);
  d.loadStateDict(model.stateDict()); d.to('float64');
  const exact = noGrad(() => d.forward(x.to('float64')));
  console.log(seed, 'eager-engine', relativeError(got, want), 'eager vs f64', relativeError(want.to('float64'), exact), 'engine vs f64', relativeError(got.to('float64'), exact), 'max', exact.abs().max().item(), exact.std().item());
  fast.dispose();
  }
}, 200000);
