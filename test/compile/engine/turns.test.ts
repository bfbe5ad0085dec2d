import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { buildPlan, buildRecorded } from '../../../lib/compile/cpu/lower.ts';
import type { Plan } from '../../../lib/compile/cpu/plan.ts';
import { Recording } from '../../../lib/compile/cpu/recording.ts';
import { compile, loadCompiled } from '../../../lib/compile/index.ts';
import { toJson } from '../../../lib/compile/plan-file/format.ts';
import { replaceTensors, tensorsOf } from '../../../lib/compile/plan-tensors.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { memoryStats, noGrad, randn, type Tensor } from '../../../lib/tensor/index.ts';
import { collectGarbage, tmp } from '../../helpers/index.ts';

const INPUTS = [[1, 3, 32, 32]];
const network = () => models.resnet18_ibn_a({ numClasses: 10 }).eval();

const inTurns = (model: nn.Module) => buildRecorded(new Recording(model, INPUTS), { inputs: INPUTS });

/** How often the event loop turns until `work` is done. */
async function turnsDuring<T>(work: () => Promise<T>): Promise<[number, T]> {
  let turns = 0;
  let isDone = false;
  const result = work().finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await setImmediate();
    turns++;
  }
  return [turns, await result];
}

const written = (plan: Plan) =>
  JSON.stringify(toJson(replaceTensors(plan, (tensor) => [tensor.shape, tensor.toArray()])));

describe('compile on the event loop', () => {
  it('lets it turn after the forward and after each pass', async () => {
    const model = network();
    const [turns, plan] = await turnsDuring(() => inTurns(model));
    expect(turns).toBeGreaterThan(10);
    for (const tensor of tensorsOf(plan)) tensor.dispose();
  });

  it('makes the plan that is made at once', async () => {
    const model = network();
    const made = await inTurns(model);
    expect(written(made)).toBe(written(buildPlan(model, { inputs: INPUTS })));
  });

  it('has run the forward when it returns: the module may change, its weights may not', async () => {
    const model = new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.BatchNorm2d(8), new nn.ReLU()).eval();
    const { weight } = model.get(0) as nn.Conv2d;
    const x = randn([2, 3, 8, 8]);
    const want = noGrad(() => model.forward(x));
    const compiling = compile(model, { inputs: [[1, 3, 8, 8]] });
    model.train();
    Object.assign(model, { '0': new nn.Conv2d(3, 8, 5) });
    await setImmediate();
    expect(() => noGrad(() => weight.detach().resize_([8, 3, 5, 5]))).toThrow('not resizable');
    const fast = await compiling;
    const got = await fast.run(x);
    expect(got.sub(want).abs().max().item()).toBeLessThan(1e-4);
    fast.dispose();
  });

  it('frees what its parts make, also where a later one fails', async () => {
    class Unknown extends nn.Module {
      conv = new nn.Conv2d(3, 4, 3);
      bn = new nn.BatchNorm2d(4);
      forward(x: Tensor) {
        return this.bn.forward(this.conv.forward(x)).cumsum(1);
      }
    }
    const [good, bad] = [network(), new Unknown().eval()];
    await collectGarbage();
    const before = memoryStats().tensors;
    const plan = await inTurns(good);
    expect(memoryStats().tensors - before).toBe(tensorsOf(plan).length);
    for (const tensor of tensorsOf(plan)) tensor.dispose();
    await expect(inTurns(bad)).rejects.toThrow('cumsum');
    expect(memoryStats().tensors).toBe(before);
  });
});

describe('loadCompiled on the event loop', () => {
  it('lets it turn between the pieces of the file', async () => {
    const model = network();
    const fast = await compile(model, { inputs: INPUTS, keepWeights: true });
    const file = `${tmp()}/model.ibn`;
    fast.save(file);
    fast.dispose();
    const [turns, loaded] = await turnsDuring(() => loadCompiled(file));
    // 45 MB in pieces of half a megabyte.
    expect(turns).toBeGreaterThan(80);
    loaded.dispose();
  });
});
